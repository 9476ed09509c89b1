#include "common/supervisor/manager_report.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <iterator>
#include <utility>

namespace relaunch::supervisor {

using std::chrono::microseconds;

bool speaks_of_supervisor(std::string_view variable) {
  constexpr std::string_view kNames[] = {
      "LISTEN_FDS=",    "LISTEN_PID=",     "LISTEN_FDNAMES=",  "NOTIFY_SOCKET=",
      "WATCHDOG_USEC=", "WATCHDOG_PID=",   "MAINPID=",         "FDSTORE=",
      "MANAGERPID=",    "LISTEN_PIDFDID=", "SYSTEMD_EXEC_PID="};
  return std::any_of(
      std::begin(kNames), std::end(kNames),
      [&](std::string_view name) { return variable.starts_with(name); });
}

ManagerReport::ManagerReport(os::ServiceManager manager, Supervisor& supervisor,
                             LogSink log, Stored stored)
    : manager_(supervisor.io(), std::move(manager), std::move(log)),
      supervisor_(supervisor),
      stored_(std::move(stored)),
      self_(std::make_shared<ManagerReport*>(this)) {
  followed_ = supervisor_.events().subscribe(
      [this](const observe::Event& event) { heard(event); });
  manager_.feed_watchdog();
}

void ManagerReport::heard(const observe::Event& event) {
  if (event.name == observe::name::kSupervisorStopping) {
    stopping_ = true;
    return manager_.tell("STOPPING=1\nSTATUS=stopping");
  }
  // An event may be told before the status says the same: looked at afterwards.
  boost::asio::post(supervisor_.io(), [weak = std::weak_ptr{self_}] {
    if (const auto self = weak.lock()) (*self)->look();
  });
}

void ManagerReport::look() {
  if (stopping_) return;
  keep_store();
  const Status status = supervisor_.status();
  std::string text = upgrade::to_status_text(status);
  if (status.pid == 0) {
    text = supervisor_.in_crash_loop() ? "crash loop, held" : "nobody serves";
    if (status.phase != Phase::idle) {
      text += text::cat("; ", to_string(status.phase));
    }
  }
  std::string assignments;
  if (status.pid != 0 && !std::exchange(ready_, true)) {
    assignments = "READY=1\n";
  }
  if (assignments.empty() && text == told_) return;
  told_ = text;
  manager_.tell(assignments + "STATUS=" + text);
}

ManagerReport::Stored ManagerReport::stored_of(
    const std::vector<os::PassedSocket>& passed) {
  Stored stored;
  for (const auto& [name, socket] : passed) {
    if (stored_item(name)) {
      stored[name] = os::identity_of(socket.get());
    }
  }
  return stored;
}

// What is held, and nothing else: it outlives a supervisor that is killed.
// While those of an earlier one are still awaited, nobody knows what is held.
void ManagerReport::keep_store() {
  if (supervisor_.recovering()) return;
  Stored held;
  std::map<std::string, native_socket> sockets;
  for (const auto& entry : supervisor_.listeners().entries()) {
    const std::string name = stored_name(entry.item);
    held[name] = os::identity_of(entry.socket);
    sockets[name] = entry.socket;
  }
  if (held == stored_) return;
  for (const auto& [name, identity] : stored_) {
    const auto still = held.find(name);
    if (still != held.end() && still->second == identity) continue;
    manager_.forget(name);
  }
  for (const auto& [name, identity] : held) {
    const auto before = stored_.find(name);
    if (before != stored_.end() && before->second == identity) continue;
    manager_.store(name, sockets[name]);
  }
  stored_ = std::move(held);
}

void ManagerReport::reloading() {
  ++reloads_;
  // The steady clock is CLOCK_MONOTONIC, which is what the manager compares.
  const auto now = std::chrono::duration_cast<microseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
  manager_.tell(text::cat("RELOADING=1\nMONOTONIC_USEC=", now.count()));
}

void ManagerReport::reloaded() {
  --reloads_;
  // Whoever waited for it asks for the status next, which follows the answer.
  boost::asio::post(supervisor_.io(), [weak = std::weak_ptr{self_}] {
    const auto self = weak.lock();
    if (!self || (*self)->reloads_ != 0 || (*self)->stopping_) return;
    (*self)->look();
    (*self)->manager_.tell("READY=1");
  });
}

}  // namespace relaunch::supervisor
