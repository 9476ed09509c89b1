#include "relaunch/upgrader.hpp"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <charconv>
#include <thread>
#include <utility>

#include "common/base/error_text.hpp"
#include "common/control/library_endpoint.hpp"
#include "common/os/fault.hpp"
#include "common/os/files.hpp"
#include "common/os/listener.hpp"
#include "common/os/stop_request.hpp"
#include "common/os/system.hpp"
#include "common/protocol/message.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/coordinator_driver.hpp"
#include "common/upgrade/departures.hpp"
#include "common/upgrade/in_process_host.hpp"
#include "common/upgrade/main_process.hpp"
#include "common/upgrade/successor_driver.hpp"
#include "common/upgrade/this_generation.hpp"

namespace relaunch {

namespace {

using upgrade::Context;

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) throw result.error();
  return std::move(*result);
}
void check_or_throw(const Result<void>& result) {
  if (!result) throw result.error();
}

/// What the incumbent left for this process.
struct Inheritance {
  os::Handle channel;
  os::ProcessId incumbent = 0;
  std::optional<std::string> supervisor;
};

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc{} && end == text.data() + text.size();
}

// Read once, then unset: a child of the application must not mistake itself
// for the successor. The number is only believed if the system says that it is
// a channel, made by the process that the other variable names. Throws Error if
// the system cannot say: a successor that took itself for a first generation
// would put itself into the record.
std::optional<Inheritance> read_inheritance() {
  const auto number = os::environment_variable(upgrade::kChannelVariable);
  const auto maker = os::environment_variable(upgrade::kIncumbentVariable);
  os::unset_environment_variable(upgrade::kChannelVariable);
  os::unset_environment_variable(upgrade::kIncumbentVariable);
  auto supervisor = os::environment_variable(upgrade::kSupervisorVariable);
  os::unset_environment_variable(upgrade::kSupervisorVariable);
  std::uintptr_t value = 0;
  os::ProcessId incumbent = 0;
  if (!number || !maker || !parse_number(*number, value) ||
      !parse_number(*maker, incumbent)) {
    return {};
  }
  const native_handle native = os::handle_from_number(value);
  const auto made_by = os::channel_maker(native);
  if (!made_by && made_by.error().code() != errc::invalid_argument) {
    throw made_by.error();
  }
  if (!made_by || *made_by != incumbent) return {};
  os::keep_from_children(native);
  return Inheritance{os::Handle{native}, incumbent, std::move(supervisor)};
}

/// As in a configuration: a time that can be counted from now.
constexpr std::chrono::hours kLongestDeadline{24 * 365};

void check_deadlines(const Deadlines& deadlines) {
  for (const auto length :
       {deadlines.build, deadlines.stage, deadlines.hello, deadlines.ready,
        deadlines.ready_cap, deadlines.pause, deadlines.turn,
        deadlines.probation, deadlines.health_interval, deadlines.health,
        deadlines.drain, deadlines.grace}) {
    if (length.count() <= 0) {
      throw Error{errc::invalid_argument,
                  "every deadline must be longer than zero"};
    }
    if (length > kLongestDeadline) {
      throw Error{errc::invalid_argument,
                  "a deadline can be a year long at most"};
    }
  }
}

bool is_plain(std::string_view name) {
  return !name.empty() && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
         });
}

void complete(Options& options, const LaunchPlan& launched) {
  check_deadlines(options.deadlines);
  if (options.max_draining > protocol::kMaxLeaving) {
    throw Error{errc::invalid_argument,
                text::cat("max_draining is ", options.max_draining,
                          ", the limit is ", protocol::kMaxLeaving)};
  }
  if (options.max_draining == 0) {
    throw Error{errc::invalid_argument,
                "max_draining is 0: no upgrade could ever begin"};
  }
  if (options.name.empty() && !launched.arguments.empty()) {
    const auto program = text::path_from_utf8(launched.arguments.front());
    options.name = text::utf8(program.stem());
  }
  if (!is_plain(options.name)) {
    throw Error{errc::invalid_argument,
                text::cat("the name '", text::printable(options.name),
                          "' has other characters than letters, digits, '-', "
                          "'_' and '.'")};
  }
  // The host may go elsewhere later, as a daemon does.
  if (!options.artifact.empty()) {
    options.artifact = launched.folder / options.artifact;
  }
  options.build.folder = launched.folder / options.build.folder;
  if (options.state_folder.empty()) {
    options.state_folder =
        value_or_throw(os::default_state_folder()) / options.name;
  } else {
    options.state_folder = launched.folder / options.state_folder;
  }
  if (!options.run_folder.empty()) {
    options.run_folder = launched.folder / options.run_folder;
  }
}

}  // namespace

struct Upgrader::Impl {
  explicit Impl(Options options);
  ~Impl();

  void start_thread();
  void prepare_hooks();
  void end();
  void remove_files();
  bool inherits() const { return successor != nullptr; }
  /// Also once it has left: then it refuses by itself.
  bool coordinates() const {
    return !successor || (successor->committed() && !successor->supervised());
  }
  void ready();
  void request(const UpgradeRequest& request,
               std::function<void(std::string_view)> on_line,
               std::function<void(const Outcome&)> on_end);
  void stop();
  /// What the incumbent gives under this name. errc::stopped: it succeeds
  /// nobody.
  template <typename Pull>
  auto inherit(std::string_view kind, std::string_view name, Pull pull)
      -> decltype(pull(std::string{}));

  Context context;
  std::chrono::steady_clock::time_point began;
  upgrade::ThisGeneration self;
  std::unique_ptr<upgrade::Departures> departures;
  std::unique_ptr<upgrade::MainProcess> main;  ///< for systemd; not supervised
  std::unique_ptr<upgrade::InProcessHost> host;
  std::unique_ptr<upgrade::CoordinatorDriver> coordinator;
  std::unique_ptr<control::LibraryEndpoint> endpoint;  ///< if it is wanted
  /// Only in a generation that was started by another.
  std::unique_ptr<upgrade::SuccessorDriver> successor;
  std::optional<os::StopRequests> stop_requests;
  bool is_ready = false;
  std::thread thread;
};

Upgrader::Impl::Impl(Options options)
    : began(std::chrono::steady_clock::now()), self(context) {
  auto inheritance = read_inheritance();
  context.launched.arguments = value_or_throw(os::own_arguments());
  context.launched.folder = std::filesystem::current_path();
  context.launched.environment = os::own_environment();
  complete(options, context.launched);
  context.options = std::move(options);
  context.store.emplace(
      value_or_throw(release::Store::open(context.options.state_folder)));
  if (auto history = observe::History::open(context.options.state_folder /
                                            observe::kHistoryFile)) {
    context.history = std::move(*history);
  } else {
    context.log(LogLevel::warning, history.error().text());
  }
  check_or_throw(os::start_sockets());
  if (auto image = os::open_running_image()) {
    context.running_image = std::move(*image);
  }
  context.board.change([](Status& status) {
    status.generation = 1;
    status.pid = os::own_process_id();
  });
  departures = std::make_unique<upgrade::Departures>(context);
  main = std::make_unique<upgrade::MainProcess>(
      context, inheritance ? inheritance->incumbent : os::own_process_id());
  host = std::make_unique<upgrade::InProcessHost>(context, self, *departures,
                                                  *main);
  coordinator = std::make_unique<upgrade::CoordinatorDriver>(
      context, *host, *departures, upgrade::Coordinator::AfterCommit::leaves);
  prepare_hooks();
  if (inheritance) {
    os::set_fault_role("successor");
    successor = std::make_unique<upgrade::SuccessorDriver>(
        context, self, *departures, std::move(inheritance->channel),
        inheritance->incumbent, std::move(inheritance->supervisor));
  }
  if (context.options.handle_stop_requests) {
    stop_requests.emplace(value_or_throw(
        os::StopRequests::watch(context.io, [this] { stop(); })));
  }
  start_thread();
}

void Upgrader::Impl::prepare_hooks() {
  if (context.options.control) {
    endpoint = std::make_unique<control::LibraryEndpoint>(
        context, self, *departures, *coordinator);
  }
  context.on_stay = [this] {
    if (endpoint) endpoint->open();
    main->stays();
  };
  context.on_incumbent_gone = [this] { main->incumbent_gone(); };
  context.on_leave = [this] {
    if (endpoint) endpoint->close();
    main->leaves();
  };
}

void Upgrader::Impl::start_thread() {
  if (successor) context.mailbox->post([this] { successor->begin(); });
  thread = std::thread{[this] {
    os::keep_signals_from_this_thread();
    const auto work = boost::asio::make_work_guard(context.io);
    context.io.run();
  }};
}

// Asio puts what the library's thread posts behind what others posted while its
// handler ran. An answer may be among that, and must not be lost: hence twice.
Upgrader::Impl::~Impl() {
  if (successor) successor->tell_failure();
  context.mailbox->post([this] { context.mailbox->post([this] { end(); }); });
  thread.join();
  context.mailbox->close();
}

// Without a stop, and before anybody has taken over what this generation has.
void Upgrader::Impl::remove_files() {
  if (self.leaving() || !coordinator->idle()) return;
  if (successor && successor->committed() && successor->supervised()) return;
  self.listeners().remove_files([this](const Listener::Impl& listener) {
    return coordinates() || !listener.inherited;
  });
}

void Upgrader::Impl::end() {
  remove_files();
  stop_requests.reset();
  context.on_leave = {};
  context.on_incumbent_gone = {};
  endpoint.reset();
  coordinator.reset();
  host.reset();
  successor.reset();
  departures.reset();
  main.reset();
  context.io.stop();
}

void Upgrader::Impl::ready() {
  if (std::exchange(is_ready, true)) return;
  if (successor) return successor->ready();
  auto recorded = context.store->set_current({{}, 1, os::own_process_id()});
  if (!recorded) context.log(LogLevel::warning, recorded.error().text());
  // Whoever sees it serve can reach it, too.
  if (endpoint) endpoint->open();
  self.accept([this] { main->ready(); });
}

void Upgrader::Impl::request(const UpgradeRequest& request,
                             std::function<void(std::string_view)> on_line,
                             std::function<void(const Outcome&)> on_end) {
  if (!is_ready) {
    return coordinator->refuse(on_end, errc::busy,
                               "this generation is not ready yet");
  }
  if (coordinates()) {
    return coordinator->request({request, {}, {}, {}}, std::move(on_line),
                                std::move(on_end));
  }
  if (successor->committed()) {
    return successor->request(request, std::move(on_line), std::move(on_end));
  }
  if (!request.end_probation || successor->left()) {
    return coordinator->refuse(on_end, errc::busy,
                               "this generation is in probation");
  }
  successor->end_probation([this, request, on_line = std::move(on_line),
                            on_end = std::move(on_end)](bool committed) {
    if (committed) return this->request(request, on_line, on_end);
    coordinator->refuse(on_end, errc::stopped,
                        "this generation has to leave again");
  });
}

void Upgrader::Impl::stop() {
  if (coordinates()) return coordinator->stop();
  successor->stop([this] { coordinator->stop(); });
}

template <typename Pull>
auto Upgrader::Impl::inherit(std::string_view kind, std::string_view name,
                             Pull pull) -> decltype(pull(std::string{})) {
  check_or_throw(protocol::check_name(name));
  if (!inherits()) return Error{errc::stopped, "this is a first generation"};
  check_or_throw(successor->wait_for_listeners());
  auto pulled = pull(std::string{name});
  if (pulled) return pulled;
  const Error& why = pulled.error();
  return Error{why.code(), text::cat("cannot inherit ", kind, " '", name,
                                     "': ", context_of(why))};
}

Upgrader::Upgrader(Options options) {
  os::open_missing_streams();  // before anything else is opened
  impl_ = std::make_unique<Impl>(std::move(options));
}
Upgrader::~Upgrader() = default;

Listener Upgrader::listen(std::string_view name, std::string_view address) {
  if (impl_->inherits()) {
    check_or_throw(impl_->successor->wait_for_listeners());
  }
  auto claimed = impl_->self.listeners().claim(name, address);
  if (impl_->inherits()) {
    impl_->successor->note_failure(
        claimed ? std::nullopt : std::optional<Error>{claimed.error()});
  }
  return Listener{value_or_throw(std::move(claimed))};
}

void Upgrader::on_take(std::function<void()> callback) {
  impl_->self.set_on_take(std::move(callback));
}
void Upgrader::on_yield(std::function<void()> callback) {
  impl_->self.set_on_yield(std::move(callback));
}
void Upgrader::on_drain(std::function<void(Drain)> callback) {
  impl_->self.set_on_drain(std::move(callback));
}
void Upgrader::on_health(std::function<bool()> callback) {
  impl_->self.set_on_health(std::move(callback));
}

void Upgrader::on_connection(std::string_view name,
                             std::function<void(Connection)> take,
                             std::size_t limit) {
  check_or_throw(impl_->self.crossing().connections().add(
      std::string{name}, std::move(take), limit));
}

void Upgrader::provide_state(std::string_view name, StateOffer offer) {
  check_or_throw(impl_->self.crossing().provisions().add_state(
      std::string{name}, std::move(offer)));
}

void Upgrader::on_state_delta(std::string_view name, StateWish wish,
                              std::function<void(State)> merge) {
  check_or_throw(impl_->self.crossing().add_delta(
      std::string{name}, std::move(wish), std::move(merge)));
}

State Upgrader::inherited_state(std::string_view name, const StateWish& wish) {
  check_or_throw(handover::check_wish(wish));
  auto state = impl_->inherit("state", name, [&](const std::string& key) {
    return impl_->self.crossing().pull_state(key, wish);
  });
  if (state) return std::move(*state);
  // A start that succeeds nobody is cold by nature.
  if (wish.required && state.error().code() != errc::stopped) {
    impl_->successor->give_up(state.error());
    throw state.error();
  }
  return State{reason_of(state.error())};
}

void Upgrader::provide_file(std::string_view name, native_handle file) {
  check_or_throw(
      impl_->self.crossing().provisions().add_file(std::string{name}, file));
}

void Upgrader::withdraw_file(std::string_view name) {
  impl_->self.crossing().provisions().remove_file(std::string{name});
}

File Upgrader::inherited_file(std::string_view name, FileKind kind,
                              FileAccess access) {
  auto file = impl_->inherit("file", name, [&](const std::string& key) {
    return impl_->self.crossing().pull_file(key, kind, access);
  });
  return file ? std::move(*file) : File{reason_of(file.error())};
}

void Upgrader::ready() {
  impl_->context.mailbox->post([impl = impl_.get()] { impl->ready(); });
}

void Upgrader::extend_ready(std::chrono::milliseconds more) {
  impl_->context.mailbox->post([impl = impl_.get(), more] {
    if (impl->successor) impl->successor->extend_ready(more);
  });
}

void Upgrader::upgrade(UpgradeRequest request,
                       std::function<void(std::string_view)> on_line,
                       std::function<void(const Outcome&)> on_end) {
  impl_->context.mailbox->post([impl = impl_.get(), request,
                                on_line = std::move(on_line),
                                on_end = std::move(on_end)]() mutable {
    if (!on_end) on_end = [](const Outcome&) {};
    impl->request(request, std::move(on_line), std::move(on_end));
  });
}

void Upgrader::abort() {
  impl_->context.mailbox->post([impl = impl_.get()] {
    if (impl->coordinates()) {
      impl->coordinator->abort();
    } else {
      impl->successor->abort();
    }
  });
}

void Upgrader::stop() {
  impl_->context.mailbox->post([impl = impl_.get()] { impl->stop(); });
}

Status Upgrader::status() const {
  Status status = impl_->context.board.read();
  status.uptime = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - impl_->began);
  return status;
}

bool Upgrader::inherited() const { return impl_->inherits(); }

}  // namespace relaunch
