// Crossing as the successor: what it asks for, and what it is given.
#include <exception>
#include <utility>

#include "common/base/error_text.hpp"
#include "common/base/text.hpp"
#include "common/handover/crossing.hpp"
#include "common/handover/file.hpp"
#include "common/os/open_file.hpp"

namespace relaunch::handover {

using std::chrono::steady_clock;

namespace {

/// A file crosses at once or not at all.
constexpr std::chrono::seconds kFileDeadline{10};

/// As good as any longer time.
constexpr std::chrono::hours kLongest{24 * 365};

bool allows(FileAccess has, FileAccess wanted) {
  return has == wanted || has == FileAccess::read_write;
}

Result<File> check_file(const protocol::FileGiven& given,
                        std::vector<os::Incoming>& handles, FileKind kind,
                        FileAccess access) {
  const auto refused = [](std::string_view why) {
    return Error{errc::handover_refused, std::string{why}};
  };
  auto* handle = std::get_if<os::Handle>(&handles.front());
  if (!handle) return refused("it came without its handle");
  const FileKind announced =
      given.kind == to_text(FileKind::pipe) ? FileKind::pipe : FileKind::file;
  const auto facts = os::describe_arrived_file(handle->get(), announced);
  if (!facts) return facts.error();
  if (given.kind != to_text(facts->kind) ||
      given.access != to_text(facts->access)) {
    return refused("it is another than was announced");
  }
  if (facts->kind != kind) {
    return refused(
        text::cat("it is a ", given.kind, ", wanted is a ", to_text(kind)));
  }
  if (!allows(facts->access, access)) {
    return refused(text::cat("it is open for ", given.access, ", wanted is ",
                             to_text(access)));
  }
  return File{handle->release(), facts->kind, facts->access};
}

WrittenState announced(const StateSchema& schema, std::uint64_t bytes,
                       const std::string& checksum) {
  return {schema, bytes, checksum, {}};
}

}  // namespace

Result<void> Crossing::add_delta(const std::string& name, StateWish wish,
                                 Merge merge) {
  if (auto checked = protocol::check_name(name); !checked) return checked;
  if (auto checked = check_wish(wish); !checked) return checked;
  if (!merge) {
    return Error{errc::invalid_argument,
                 text::cat("changes of state '", name,
                           "' have no function that merges them")};
  }
  const std::lock_guard lock{mutex_};
  if (delta_takers_.try_emplace(name, DeltaTaker{std::move(wish), merge})
          .second) {
    return {};
  }
  return Error{errc::invalid_argument,
               text::cat("changes of state '", name, "' are taken already")};
}

// what it asks for -----------------------------------------------------------

Result<State> Crossing::pull_state(const std::string& name,
                                   const StateWish& wish) {
  // Whoever has no patience any more leaves it behind.
  const auto question = [name,
                         wish](std::uint32_t number) -> protocol::Message {
    return protocol::WantState{number,
                               name,
                               wish.schema.tag,
                               wish.oldest_version,
                               wish.schema.version,
                               wish.limit};
  };
  auto answer = wants_.ask(
      question, steady_clock::now() + std::min<std::chrono::milliseconds>(
                                          wish.deadline, kLongest));
  if (!answer) return answer.error();
  const auto* given = std::get_if<protocol::StateGiven>(&answer->message);
  if (!given) {
    return Error{errc::handover_refused, "the incumbent gave something else"};
  }
  return read_state(
      announced({given->schema, given->version}, given->bytes, given->checksum),
      answer->handles.front(), wish);
}

Result<File> Crossing::pull_file(const std::string& name, FileKind kind,
                                 FileAccess access) {
  const auto question = [name](std::uint32_t number) -> protocol::Message {
    return protocol::WantFile{number, name};
  };
  auto answer = wants_.ask(question, steady_clock::now() + kFileDeadline);
  if (!answer) return answer.error();
  const auto* given = std::get_if<protocol::FileGiven>(&answer->message);
  if (!given) {
    return Error{errc::handover_refused, "the incumbent gave something else"};
  }
  return check_file(*given, answer->handles, kind, access);
}

// what it is given -----------------------------------------------------------

void Crossing::take_from(os::Handle end,
                         std::shared_ptr<os::Process> incumbent) {
  taking_ = std::make_unique<PeerLink>(context_.io, std::move(end),
                                       std::move(incumbent));
  wants_.ask_from(*taking_);
  taking_->start(
      [this](const protocol::Message& message,
             std::vector<os::Incoming> handles) {
        on_gift(message, std::move(handles));
      },
      // What it has not said to be ours comes back to it.
      [this](const Error& error) {
        wants_.lost(error);
        context_.mailbox->post([lost = std::shared_ptr(std::move(taking_))] {});
      });
}

void Crossing::leave() {
  leaving_ = true;
  wants_.lost({errc::handover_refused, "this generation leaves"});
  stop_writing();
}

void Crossing::on_gift(const protocol::Message& message,
                       std::vector<os::Incoming> handles) {
  if (const auto* connections = std::get_if<protocol::Connections>(&message)) {
    return take(*connections, std::move(handles));
  }
  if (const auto* delta = std::get_if<protocol::StateDelta>(&message)) {
    return take(*delta, std::move(handles.front()));
  }
  if (on_pulled(message, handles)) return;
  taking_->lose({errc::unexpected_message,
                 text::cat("the incumbent sent ", type_of(message))});
}

bool Crossing::on_pulled(const protocol::Message& message,
                         std::vector<os::Incoming>& handles) {
  std::uint32_t number = 0;
  if (const auto* state = std::get_if<protocol::StateGiven>(&message)) {
    number = state->number;
  } else if (const auto* file = std::get_if<protocol::FileGiven>(&message)) {
    number = file->number;
  } else if (const auto* none = std::get_if<protocol::NotGiven>(&message)) {
    number = none->number;
  } else {
    return false;
  }
  return wants_.answer(number, {message, std::move(handles)});
}

void Crossing::take(const protocol::Connections& connections,
                    std::vector<os::Incoming> sockets) {
  const auto find =
      [this](const std::string& name) -> Result<ConnectionTakers::Take> {
    // One that may have to go again would take them with it.
    if (stays_ && !leaving_) return takers_.find(name);
    return Error{errc::handover_refused, "the successor does not stay"};
  };
  take_connections(
      *taking_, find, connections, std::move(sockets),
      [this](const ConnectionTakers::Take& take, Connection connection) {
        call_(
            "on_connection",
            [take, taken = std::make_shared<Connection>(
                       std::move(connection))] { take(std::move(*taken)); },
            [] {});
      });
}

std::optional<Crossing::DeltaTaker> Crossing::find_delta(
    const std::string& name) const {
  const std::lock_guard lock{mutex_};
  const auto found = delta_takers_.find(name);
  if (found == delta_takers_.end()) return {};
  return found->second;
}

// Checked where the application runs: this thread has more to do.
void Crossing::take(const protocol::StateDelta& delta, os::Incoming memory) {
  const auto refused = std::make_shared<std::string>("it was not merged");
  const auto answer = [this, number = delta.number, refused] {
    if (taking_) taking_->send(protocol::DeltaTaken{number, *refused});
  };
  auto taker = find_delta(delta.name);
  if (!taker) *refused = text::cat("nobody takes '", delta.name, "'");
  if (!stays_ || leaving_) *refused = "the successor does not stay";
  if (!taker || !stays_ || leaving_) return answer();
  call_(
      "on_state_delta",
      [taker = std::move(*taker), refused, delta,
       memory = std::make_shared<os::Incoming>(std::move(memory))] {
        auto state = read_state(announced({delta.schema, delta.version},
                                          delta.bytes, delta.checksum),
                                *memory, taker.wish);
        if (!state) {
          *refused = reason_of(state.error());
          return;
        }
        *memory = os::Handle{};
        try {
          taker.merge(std::move(*state));
          refused->clear();
        } catch (const std::exception& failure) {
          *refused =
              text::cat("its merge threw: ", text::printable(failure.what()));
        } catch (...) {
          *refused = "its merge threw no exception of the standard library";
        }
      },
      answer);
}

}  // namespace relaunch::handover
