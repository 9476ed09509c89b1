#include "common/control/library_endpoint.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "common/control/status.hpp"
#include "common/os/system.hpp"

namespace relaunch::control {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// Between two tries for an endpoint that the incumbent is about to close.
constexpr milliseconds kFirstPause{5};
constexpr milliseconds kLongestPause{500};
/// On top of the time in which an incumbent is made to leave.
constexpr milliseconds kMargin{5'000};
/// "As long as it takes" is a deadline too: nothing waits for ever.
constexpr milliseconds kWithoutDeadline = std::chrono::hours{24 * 365};

}  // namespace

LibraryEndpoint::LibraryEndpoint(upgrade::Context& context,
                                 upgrade::ThisGeneration& self,
                                 upgrade::Departures& departures,
                                 upgrade::CoordinatorDriver& coordinator)
    : context_(context),
      self_(self),
      departures_(departures),
      coordinator_(coordinator),
      counted_(context.events.subscribe(
          [this](const observe::Event& event) { metrics_.add(event); })),
      retry_(context.io) {}

LibraryEndpoint::~LibraryEndpoint() = default;

std::filesystem::path LibraryEndpoint::run_folder(const Options& options) {
  if (!options.run_folder.empty()) return options.run_folder;
  if (const auto root = os::default_run_folder()) return *root / options.name;
  return options.state_folder / "run";
}

void LibraryEndpoint::open() {
  const Deadlines& deadlines = context_.options.deadlines;
  pause_ = kFirstPause;
  give_up_ =
      steady_clock::now() + deadlines.drain + 2 * deadlines.grace + kMargin;
  try_to_open();
}

void LibraryEndpoint::try_to_open() {
  auto server = Server::open(context_.io, run_folder(context_.options), *this,
                             context_.options.log);
  if (server) {
    server_ = std::move(*server);
    return;
  }
  if (server.error().code() != errc::busy || context_.generation == 1 ||
      steady_clock::now() >= give_up_) {
    return context_.log(LogLevel::error, "serving without control endpoint: ",
                        server.error().text());
  }
  retry_.expires_after(pause_);
  pause_ = std::min(2 * pause_, kLongestPause);
  retry_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) try_to_open();
  });
}

void LibraryEndpoint::close() {
  retry_.cancel();
  give_up_ = {};
  // It may be what is calling.
  boost::asio::post(context_.io,
                    [gone = std::shared_ptr{std::move(server_)}] {});
}

// Target ---------------------------------------------------------------------

void LibraryEndpoint::upgrade(UpgradeOrder order, OnLine on_line,
                              OnEnd on_end) {
  upgrade::Order wanted;
  wanted.request = order.request;
  if (!order.release.empty()) {
    auto kept = context_.store->kept(order.release);
    if (!kept) {
      return coordinator_.refuse(on_end, errc::artifact_missing,
                                 kept.error().text());
    }
    wanted.release = std::move(*kept);
  } else if (!order.artifact.empty()) {
    wanted.artifact = release::Artifact{
        context_.launched.folder / order.artifact, context_.options.executable};
  }
  if (order.arguments) {
    const auto& own = context_.launched.arguments;
    auto& words = wanted.arguments.emplace();
    if (!own.empty()) words.push_back(own.front());
    words.insert(words.end(), order.arguments->begin(), order.arguments->end());
  }
  coordinator_.request(std::move(wanted), std::move(on_line),
                       std::move(on_end));
}

bool LibraryEndpoint::abort() { return coordinator_.abort(); }

void LibraryEndpoint::stop(StopMode mode) {
  auto& drain = context_.options.deadlines.drain;
  if (mode == StopMode::drain_without_deadline) drain = kWithoutDeadline;
  if (mode == StopMode::now) {
    drain = milliseconds{1};
    departures_.hurry();
  }
  coordinator_.stop();
}

void LibraryEndpoint::reload(OnEnd on_end) {
  coordinator_.refuse(on_end, errc::not_permitted,
                      "cannot reload: this server reads its own configuration");
}

json::object LibraryEndpoint::status() const {
  const auto uptime =
      std::chrono::duration_cast<milliseconds>(steady_clock::now() - since_);
  return to_json(context_.board.read(),
                 {context_.options.name, "library", uptime, self_.listeners(),
                  departures_});
}

json::array LibraryEndpoint::history() const {
  return context_.history.to_json();
}

std::string LibraryEndpoint::metrics() const {
  observe::Snapshot snapshot;
  snapshot.name = context_.options.name;
  snapshot.version = RELAUNCH_VERSION;
  snapshot.start = began_;
  snapshot.generation = context_.generation;
  snapshot.release = context_.release;
  snapshot.draining = departures_.count();
  snapshot.listeners = self_.listeners().entries().size();
  snapshot.upgrading = !coordinator_.idle();
  return metrics_.text(snapshot);
}

observe::EventLog& LibraryEndpoint::events() { return context_.events; }

}  // namespace relaunch::control
