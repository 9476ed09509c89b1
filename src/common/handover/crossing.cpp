// Crossing as the incumbent: what it gives.
#include "common/handover/crossing.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "common/base/error_text.hpp"
#include "common/base/text.hpp"
#include "common/handover/file.hpp"
#include "common/os/connection.hpp"
#include "common/os/fault.hpp"
#include "common/os/open_file.hpp"
#include "common/os/stop_request.hpp"

namespace relaunch::handover {
namespace {

/// Comes back to whoever offers it, whatever becomes of the Upgrader.
struct Offer {
  Offer(std::string name_, Connection connection_, OnHandedOver on_end_)
      : name(std::move(name_)),
        connection(std::move(connection_)),
        on_end(std::move(on_end_)) {}
  Offer(const Offer&) = delete;
  Offer& operator=(const Offer&) = delete;
  ~Offer() { refuse({errc::stopped, "the Upgrader is gone"}); }

  void refuse(Error error) {
    if (auto end = std::exchange(on_end, {})) {
      end(std::move(error), std::move(connection));
    }
  }

  std::string name;
  Connection connection;
  OnHandedOver on_end;
};

/// Told in any case how it ended.
struct DeltaOffer {
  DeltaOffer(std::string name_, Result<WrittenState> written_,
             OnDeltaTaken on_end_)
      : name(std::move(name_)),
        written(std::move(written_)),
        on_end(std::move(on_end_)) {}
  DeltaOffer(const DeltaOffer&) = delete;
  DeltaOffer& operator=(const DeltaOffer&) = delete;
  ~DeltaOffer() {
    if (on_end) on_end(Error{errc::stopped, "the Upgrader is gone"});
  }

  std::string name;
  Result<WrittenState> written;
  OnDeltaTaken on_end;
};

/// A state that somebody writes somewhere. Told in any case what became of it,
/// even if the application's executor forgets it.
class Writing {
 public:
  using OnEnd = std::function<void(Result<WrittenState>&)>;

  explicit Writing(OnEnd on_end) : on_end_(std::move(on_end)) {}
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;
  ~Writing() { end(Error{errc::stopped, "its writer was never called"}); }

  void end(Result<WrittenState> written) {
    if (auto told = std::exchange(on_end_, {})) told(written);
  }

 private:
  OnEnd on_end_;
};

Result<void> check_offer(const Offer& offer) {
  if (auto checked = protocol::check_name(offer.name); !checked) {
    return checked;
  }
  const std::size_t bytes =
      offer.connection.state.size() + offer.connection.unread.size();
  if (bytes > protocol::kMaxConnectionBytes) {
    return Error{
        errc::invalid_argument,
        text::cat("cannot hand a connection over with ", bytes,
                  " bytes, the limit is ", protocol::kMaxConnectionBytes)};
  }
  return os::check_connected(offer.connection.socket());
}

Result<WrittenState> write_delta(const std::string& name,
                                 const StateOffer& offer) {
  for (const auto& each : {name, offer.schema.tag}) {
    if (auto checked = protocol::check_name(each); !checked) {
      return checked.error();
    }
  }
  const std::atomic<bool> cancelled{false};
  return write_state(offer.schema, offer.limit, offer.write, cancelled);
}

Error too_late() {
  return {errc::handover_refused, "the incumbent writes no state any more"};
}

Error no_successor(std::string_view what) {
  return {errc::handover_refused,
          text::cat("there is no successor to go on with ", what)};
}

}  // namespace

Crossing::Crossing(upgrade::Context& context, Call call)
    : context_(context),
      call_(std::move(call)),
      wants_([mailbox = context.mailbox](std::function<void()> work) {
        mailbox->post(std::move(work));
      }),
      patience_(context.io) {}

Crossing::~Crossing() {
  giving_.reset();   // whoever writes for it is told to stop,
  writers_.clear();  // and waited for
}

Crossing::Giving::~Giving() {
  *cancelled = true;
  for (auto& [number, on_end] : std::exchange(deltas, {})) {
    on_end(Error{errc::channel_lost, "the successor cannot be reached"});
  }
}

void Crossing::give_to(os::Handle end, std::shared_ptr<os::Process> successor) {
  giving_ = std::make_unique<Giving>(context_.io, std::move(end),
                                     std::move(successor));
  giving_->link.start([this](const protocol::Message& message,
                             std::vector<os::Incoming>) { on_answer(message); },
                      [this](const Error& error) { end_giving(error); });
}

void Crossing::end_giving(const Error& error) {
  if (!giving_) return;
  stop_writing();
  giving_->connections.lost(error);
  // Not from within its own callback; its handles must not stay.
  context_.mailbox->post([lost = std::shared_ptr(std::move(giving_))] {});
}

void Crossing::stop_writing() {
  if (giving_) *giving_->cancelled = true;
}

void Crossing::not_succeeded() {
  end_giving({errc::handover_refused, "the upgrade was taken back"});
}

void Crossing::on_answer(const protocol::Message& message) {
  if (const auto* taken = std::get_if<protocol::ConnectionsTaken>(&message)) {
    if (giving_->connections.taken(*taken)) return;
  } else if (const auto* state = std::get_if<protocol::WantState>(&message)) {
    return on_want(*state);
  } else if (const auto* file = std::get_if<protocol::WantFile>(&message)) {
    return on_want(*file);
  } else if (const auto* delta = std::get_if<protocol::DeltaTaken>(&message)) {
    auto told = giving_->deltas.extract(delta->number);
    if (!told.empty()) {
      if (delta->refused.empty()) return told.mapped()(std::nullopt);
      return told.mapped()(
          Error{errc::handover_refused, text::printable(delta->refused)});
    }
  }
  giving_->link.lose({errc::unexpected_message,
                      text::cat("the successor sent ", type_of(message))});
}

// states and files -----------------------------------------------------------

void Crossing::on_want(const protocol::WantState& want) {
  const auto offer = provisions_.state(want.name);
  if (!offer) return refuse(want.number, offer.error());
  StateWish wish;
  wish.schema = {want.schema, want.max_version};
  wish.oldest_version = want.min_version;
  if (auto fits = check_schema(offer->schema, wish); !fits) {
    return refuse(want.number, fits.error());
  }
  if (leaving_ || *giving_->cancelled) return refuse(want.number, too_late());
  // Each takes a thread, or the application's time, and memory.
  if (!giving_->writing.insert(want.name).second) {
    return refuse(want.number,
                  {errc::handover_refused, "it is being written already"});
  }
  const auto limit = std::min(offer->limit, want.limit);
  const std::uint64_t id = ++last_writer_;
  const auto on_end = [this, id, want, cancelled = giving_->cancelled,
                       mailbox = context_.mailbox,
                       alive = std::weak_ptr(alive_)](auto& end) {
    auto written = std::make_shared<Result<WrittenState>>(std::move(end));
    mailbox->post([this, id, want, cancelled, written, alive] {
      if (!alive.expired()) on_written(id, want, cancelled, *written);
    });
  };
  const auto writing = std::make_shared<Writing>(on_end);
  ++writing_;
  try {
    run_writer(
        id, *offer,
        [writing, limit, offer = *offer, cancelled = giving_->cancelled] {
          writing->end(
              write_state(offer.schema, limit, offer.write, *cancelled));
        });
  } catch (const std::system_error& failure) {  // no thread is to be had
    writing->end(Error{failure.code(), "cannot begin to write the state"});
  }
}

// A state may be large, and whoever writes it must not stop this thread.
void Crossing::run_writer(std::uint64_t id, const StateOffer& offer,
                          std::function<void()> work) {
  if (!offer.own_thread && context_.options.executor) {
    return context_.options.executor(std::move(work));
  }
  writers_[id] = std::async(std::launch::async, [work = std::move(work)] {
    os::keep_signals_from_this_thread();
    work();
  });
}

void Crossing::on_written(std::uint64_t id, const protocol::WantState& want,
                          const std::shared_ptr<std::atomic<bool>>& cancelled,
                          Result<WrittenState>& written) {
  writers_.erase(id);  // it has nothing left to do
  if (--writing_ == 0) all_written();
  // Of another link, or none: nobody waits.
  if (!giving_ || giving_->cancelled != cancelled) return;
  giving_->writing.erase(want.name);
  give_state(want.number, std::move(written));
}

void Crossing::when_written(Done done) {
  if (writing_ == 0) return done();
  on_all_written_ = std::move(done);
  patience_.arm(context_.options.deadlines.pause, [this] { all_written(); });
}

void Crossing::all_written() {
  patience_.disarm();
  if (auto done = std::exchange(on_all_written_, {})) done();
}

void Crossing::give_state(std::uint32_t number, Result<WrittenState> written) {
  if (!written) return refuse(number, written.error());
  os::fault("state.give");
  const auto memory = std::make_shared<os::Handle>(std::move(written->memory));
  giving_->link.send(
      protocol::StateGiven{number, written->schema.tag, written->schema.version,
                           written->bytes, written->checksum},
      {os::SendHandle{memory->get()}},
      [this, number, memory](const std::optional<Error>& error) {
        if (error && has_successor()) refuse(number, *error);
      });
}

void Crossing::on_want(const protocol::WantFile& want) {
  const auto file = provisions_.file(want.name);
  if (!file) return refuse(want.number, file.error());
  giving_->link.send(
      protocol::FileGiven{want.number,
                          std::string{to_text((*file)->facts.kind)},
                          std::string{to_text((*file)->facts.access)}},
      {os::SendHandle{(*file)->handle.get()}},
      [this, number = want.number,
       file = *file](const std::optional<Error>& error) {
        if (error && has_successor()) refuse(number, *error);
      });
}

void Crossing::refuse(std::uint32_t number, const Error& error) {
  giving_->link.send(protocol::NotGiven{number, reason_of(error)});
}

// the drain ------------------------------------------------------------------

Give Crossing::make_give() {
  return [this, mailbox = context_.mailbox](
             std::string name, Connection connection, OnHandedOver on_end) {
    mailbox->post(
        [this, offer = std::make_shared<Offer>(
                   std::move(name), std::move(connection), std::move(on_end))] {
          if (auto checked = check_offer(*offer); !checked) {
            return offer->refuse(checked.error());
          }
          if (!has_successor()) return offer->refuse(no_successor("it"));
          giving_->connections.give(std::move(offer->name),
                                    std::move(offer->connection),
                                    std::exchange(offer->on_end, {}));
        });
  };
}

// Written here and now, by whoever calls.
GiveDelta Crossing::make_give_delta() {
  return [this, mailbox = context_.mailbox](
             std::string name, const StateOffer& offer, OnDeltaTaken on_end) {
    if (!on_end) on_end = [](const std::optional<Error>&) {};
    auto written = write_delta(name, offer);
    mailbox->post(
        [this, delta = std::make_shared<DeltaOffer>(
                   std::move(name), std::move(written), std::move(on_end))] {
          give_delta(delta->name, std::move(delta->written),
                     std::exchange(delta->on_end, {}));
        });
  };
}

void Crossing::give_delta(const std::string& name, Result<WrittenState> written,
                          OnDeltaTaken on_end) {
  if (!written) return on_end(written.error());
  if (!has_successor()) return on_end(no_successor("the state"));
  const std::uint32_t number = ++giving_->last_delta;
  giving_->deltas[number] = std::move(on_end);
  os::fault("state.give");
  const auto memory = std::make_shared<os::Handle>(std::move(written->memory));
  giving_->link.send(protocol::StateDelta{number, name, written->schema.tag,
                                          written->schema.version,
                                          written->bytes, written->checksum},
                     {os::SendHandle{memory->get()}},
                     [this, number, memory](const std::optional<Error>& error) {
                       if (!error || !giving_) return;
                       auto told = giving_->deltas.extract(number);
                       if (!told.empty()) told.mapped()(*error);
                     });
}

}  // namespace relaunch::handover
