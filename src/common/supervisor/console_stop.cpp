#include "common/supervisor/console_stop.hpp"

#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/system.hpp"

namespace relaunch::supervisor {

namespace {

constexpr char kProcessVariable[] = "RELAUNCH_CONSOLE_OF";
constexpr char kEventVariable[] = "RELAUNCH_CONSOLE_EVENT";
constexpr std::string_view kBreak = "break";
constexpr std::string_view kCtrlC = "c";
/// It makes four calls.
constexpr std::chrono::seconds kHelperDeadline{5};
/// Exit code of a helper that was started by somebody else.
constexpr int kUsage = 64;

}  // namespace

os::ConsoleEvent console_event_for(std::string_view signal) {
  return signal == "INT" || signal == "SIGINT" ? os::ConsoleEvent::ctrl_c
                                               : os::ConsoleEvent::ctrl_break;
}

os::Console console_for(os::ConsoleEvent event) {
  return event == os::ConsoleEvent::ctrl_c ? os::Console::own_for_ctrl_c
                                           : os::Console::own;
}

// What failed is told as the system's error number: there is nobody who reads
// what it prints.
int run_console_stop_helper() {
  const auto number = os::environment_variable(kProcessVariable);
  const auto event = os::environment_variable(kEventVariable);
  std::uintptr_t value = 0;
  if (!number || !event ||
      std::from_chars(number->data(), number->data() + number->size(), value)
              .ec != std::errc{}) {
    std::fputs("relaunch: this verb is for relaunch itself\n", stderr);
    return kUsage;
  }
  const os::Handle process{os::handle_from_number(value)};
  const auto sent = os::send_console_event(
      process.get(), *event == kCtrlC ? os::ConsoleEvent::ctrl_c
                                      : os::ConsoleEvent::ctrl_break);
  if (sent) return 0;
  const int code = sent.error().code().value();
  return code != 0 ? code : 1;
}

struct ConsoleStop::Impl {
  explicit Impl(boost::asio::io_context& io) : deadline(io) {}

  void finish(Result<void> result) {
    deadline.cancel();
    if (auto tell = std::exchange(done, {})) tell(std::move(result));
  }
  void ended();

  os::ProcessId target = 0;
  os::Process helper;
  std::optional<os::ProcessWatch> watch;
  boost::asio::steady_timer deadline;
  bool timed_out = false;
  std::function<void(Result<void>)> done;  // empty: called, or cancelled
};

void ConsoleStop::Impl::ended() {
  const auto status = helper.exit_status();
  if (status.success()) return finish({});
  const std::string what =
      text::cat("cannot stop process ", target, " by its console");
  if (timed_out) {
    return finish(Error{std::make_error_code(std::errc::timed_out), what});
  }
  finish(Error{
      std::error_code{static_cast<int>(status.code), std::system_category()},
      what});
}

ConsoleStop::ConsoleStop(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<ConsoleStop> ConsoleStop::start(boost::asio::io_context& io,
                                       const os::Process& process,
                                       os::ConsoleEvent event,
                                       std::function<void(Result<void>)> done,
                                       const std::vector<std::string>& helper) {
  if (auto possible = os::can_send_console_events(); !possible) {
    return possible.error();
  }
  auto program = os::running_executable();
  if (!program) return program.error();
  os::LaunchRequest request;
  request.executable = std::move(*program);
  request.arguments = {text::utf8(request.executable)};
  request.arguments.insert(request.arguments.end(), helper.begin(),
                           helper.end());
  request.environment = os::own_environment();
  request.environment.push_back(
      text::cat(kEventVariable, '=',
                event == os::ConsoleEvent::ctrl_c ? kCtrlC : kBreak));
  request.handles = {{kProcessVariable, process.handle()}};
  request.console = os::Console::none;
  auto impl = std::make_shared<Impl>(io);
  auto launched = os::launch(request);
  if (!launched) return launched.error();
  impl->target = process.id();
  impl->helper = std::move(*launched);
  ConsoleStop stop{impl};  // from here on an error ends the helper
  const std::weak_ptr<Impl> weak = impl;
  auto watch = os::ProcessWatch::start(io, impl->helper, [weak] {
    if (const auto self = weak.lock()) self->ended();
  });
  if (!watch) return watch.error();
  impl->watch.emplace(std::move(*watch));
  impl->deadline.expires_after(kHelperDeadline);
  impl->deadline.async_wait([weak](const boost::system::error_code& ended) {
    const auto self = weak.lock();
    if (ended || !self) return;
    self->timed_out = true;
    (void)self->helper.kill();
  });
  impl->done = std::move(done);
  return stop;
}

ConsoleStop::ConsoleStop(ConsoleStop&&) noexcept = default;

ConsoleStop& ConsoleStop::operator=(ConsoleStop&& other) noexcept {
  ConsoleStop taken{std::move(other)};  // what was held ends with it
  std::swap(impl_, taken.impl_);
  return *this;
}

ConsoleStop::~ConsoleStop() {
  if (!impl_) return;
  impl_->done = {};
  impl_->watch.reset();
  if (impl_->helper) (void)impl_->helper.kill();
}

std::optional<ConsoleStop> ask_program_to_stop(
    boost::asio::io_context& io, const std::shared_ptr<os::Process>& process,
    const ForeignOptions& options,
    std::function<void(const Result<void>&)> log) {
  if (!os::can_send_console_events()) {
    log(process->ask_to_stop(options.stop_signal));
    return std::nullopt;
  }
  auto stop = ConsoleStop::start(
      io, *process, console_event_for(options.stop_signal),
      [process, log](const Result<void>& sent) {
        log(sent);
        // It may know the library's own way.
        if (!sent) log(process->ask_to_stop());
      },
      options.console_helper);
  if (stop) return std::move(*stop);
  log(stop.error());
  return std::nullopt;
}

}  // namespace relaunch::supervisor
