#include "cli/session.hpp"

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/endpoint.hpp"

namespace relaunch::cli {
namespace {

using control::Answer;
using text::cat;
using Link = std::unique_ptr<os::Channel>;

/// While all ends of an instance are taken.
constexpr std::chrono::milliseconds kPatience{2'000};
constexpr std::chrono::seconds kBeat{1};

bool is_nobody_there(const Error& error) {
  return error.code() == std::errc::no_such_file_or_directory ||
         error.code() == std::errc::connection_refused ||
         error.code() == std::errc::timed_out;
}

Failure cannot_reach(const Reach& reach, const Error& error) {
  return Failure{
      is_nobody_there(error) ? ExitCode::unreachable : exit_code(error),
      cat("cannot reach '", text::printable(reach.name), "': ", error.text())};
}

Attempt<Link> open_link(boost::asio::io_context& io, const Reach& reach) {
  std::optional<Error> first;
  for (const std::string& address : reach.addresses) {
    auto link = os::connect_endpoint(io, address, kPatience);
    if (link) return std::move(*link);
    if (!is_nobody_there(link.error())) {
      return cannot_reach(reach, link.error());
    }
    if (!first) first = link.error();
  }
  return cannot_reach(reach, *first);
}

class Session {
 public:
  Session(const Reach& reach, const Hearing& hearing)
      : reach_(reach), hearing_(hearing), beat_(io_) {}

  Attempt<Answer> run(const control::Request& request) {
    auto link = open_link(io_, reach_);
    if (!link) return link.error();
    (*link)->start([this](const os::Received& got) { take(got.frame); },
                   [this](const Error& error) {
                     end(Failure{exit_code(error), error.text()});
                   });
    (*link)->send(control::to_frame(request));
    if (hearing_.on_beat) beat();
    if (hearing_.deadline.count() == 0) {
      io_.run();
    } else {
      io_.run_for(hearing_.deadline);
    }
    if (last_) return *last_;
    return Failure{
        ExitCode::unreachable,
        cat("'", text::printable(reach_.name), "' has not answered within ",
            hearing_.deadline.count(), " ms")};
  }

 private:
  void take(const protocol::Frame& frame) {
    if (last_) return;
    auto answer = control::answer_from(frame);
    if (!answer) {
      return end(Failure{exit_code(answer.error()), answer.error().text()});
    }
    if (answer->kind == Answer::Kind::error) {
      return end(Failure{exit_code(answer->error), answer->error.text()});
    }
    const bool last = answer->is_last();
    if (last ||
        (hearing_.on_answer && hearing_.on_answer(*answer) == Next::enough)) {
      end(std::move(*answer));
    }
  }

  void end(Attempt<Answer> last) {
    if (!last_) last_ = std::move(last);
    io_.stop();
  }

  void beat() {
    if (hearing_.on_beat() == Next::enough) return end(Answer{});
    beat_.expires_after(kBeat);
    beat_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) beat();
    });
  }

  const Reach& reach_;
  const Hearing& hearing_;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer beat_;
  std::optional<Attempt<Answer>> last_;
};

}  // namespace

Attempt<Reach> reach_of(const Settings& settings, const Places& places) {
  const auto instance = instance_of(settings, places);
  if (!instance) return instance.error();
  Reach reach{instance->name, {os::endpoint_address(instance->run_folder)}};
  const bool is_told =
      settings.has("run-folder") || settings.has("state-folder");
  const auto embedded = os::default_state_folder();
  if (is_told || places.run || !embedded) return reach;
  auto other = os::endpoint_address(*embedded / instance->name / "run");
  if (other != reach.addresses.front()) {
    reach.addresses.push_back(std::move(other));
  }
  return reach;
}

Attempt<Answer> ask(const Reach& reach, const control::Request& request,
                    const Hearing& hearing) {
  return Session{reach, hearing}.run(request);
}

}  // namespace relaunch::cli
