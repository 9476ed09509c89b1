#include "common/upgrade/main_process.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace relaunch::upgrade {

namespace {

constexpr std::string_view kMainVariable = "SYSTEMD_EXEC_PID=";

/// The manager may be busy, but it must hear who is next: what it does not
/// know it ends.
constexpr std::chrono::milliseconds kPatience{5'000};

// What only this process was told, and the next one would misunderstand. The
// number of the main process becomes this one's: so the next one knows that it
// was started by it.
void prepare(os::Environment& environment) {
  std::erase_if(environment, [](std::string_view variable) {
    for (const std::string_view name :
         {kMainVariable, std::string_view{"WATCHDOG_PID="},
          std::string_view{"LISTEN_PID="}, std::string_view{"LISTEN_FDS="},
          std::string_view{"LISTEN_FDNAMES="}}) {
      if (variable.starts_with(name)) return true;
    }
    return false;
  });
  environment.push_back(text::cat(kMainVariable, os::own_process_id()));
}

}  // namespace

MainProcess::MainProcess(Context& context, os::ProcessId starter)
    : context_(context), self_(std::make_shared<MainProcess*>(this)) {
  is_unit_ = os::ServiceManager::main_process() == starter;
  if (!is_unit_) return;
  prepare(context_.launched.environment);
  auto manager = os::ServiceManager::find();
  if (!manager || !context_.options.tell_service_manager) return;
  link_ = std::make_unique<ManagerLink>(context_.io, std::move(*manager),
                                        context_.options.log);
  // Of a main process that is not its own child systemd 252 does not wait for
  // the end: at a stop it kills it right after its SIGTERM.
  // https://github.com/systemd/systemd/blob/v252/src/core/unit.c
  // (unit_kill_context: main_pid_alien)
  context_.starts_siblings = true;
}

std::optional<std::string> MainProcess::why_not() const {
  if (!is_unit_) return std::nullopt;
  constexpr std::string_view kUnit =
      "systemd would end the unit with this process: ";
  if (link_) {
    const auto told = link_->try_to_tell(text::cat("STATUS=", told_));
    if (told) return std::nullopt;
    return text::cat(kUnit, told.error().text());
  }
  return text::cat(kUnit,
                   context_.options.tell_service_manager
                       ? "give the unit Type=notify"
                       : "tell_service_manager is off",
                   ", or run it under relaunch run");
}

void MainProcess::ready() {
  is_main_ = true;
  if (!link_) return;
  link_->tell("READY=1");
  link_->feed_watchdog();
  follow();
}

// What this one says now may come before the incumbent's word, and would be
// refused: the incumbent has just fed the watchdog for it, too.
void MainProcess::stays() {
  is_main_ = true;
  if (!link_) return;
  told_ = to_status_text(context_.board.read());
  link_->feed_watchdog_soon();
  follow();
}

void MainProcess::incumbent_gone() {
  if (!link_ || !is_main_) return;
  told_ = to_status_text(context_.board.read());
  link_->tell(
      text::cat("MAINPID=", os::own_process_id(), "\nREADY=1\nSTATUS=", told_));
  link_->feed_watchdog();
}

void MainProcess::hand_over(os::ProcessId successor) {
  if (!link_ || !std::exchange(is_main_, false)) return;
  followed_ = {};
  link_->stop_feeding();
  Status status;
  status.generation = context_.generation + 1;
  status.pid = successor;
  const auto told = link_->try_to_tell(
      text::cat("MAINPID=", successor,
                "\nREADY=1\nWATCHDOG=1\nSTATUS=", to_status_text(status)),
      kPatience);
  if (!told) context_.log(LogLevel::error, told.error().text());
}

void MainProcess::leaves() {
  if (!link_ || !std::exchange(is_main_, false)) return;
  followed_ = {};
  link_->tell("STOPPING=1\nSTATUS=stopping");
}

void MainProcess::follow() {
  followed_ = context_.events.subscribe([this](const observe::Event&) {
    // It may be told before the status says the same: looked at afterwards.
    boost::asio::post(context_.io, [weak = std::weak_ptr{self_}] {
      if (const auto self = weak.lock()) (*self)->look();
    });
  });
  if (told_.empty()) look();
}

void MainProcess::look() {
  if (!is_main_) return;
  auto text = to_status_text(context_.board.read());
  if (text == told_) return;
  told_ = std::move(text);
  link_->tell(text::cat("STATUS=", told_));
}

}  // namespace relaunch::upgrade
