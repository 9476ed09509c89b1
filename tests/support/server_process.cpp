#include "support/server_process.hpp"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace relaunch::test {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kKillDeadline{20'000};

std::vector<os::ProcessId> numbers_in(std::string_view line) {
  constexpr std::string_view kKey = "pid=";
  std::vector<os::ProcessId> numbers;
  for (std::size_t at; (at = line.find(kKey)) != line.npos;) {
    line.remove_prefix(at + kKey.size());
    os::ProcessId id = 0;
    std::from_chars(line.data(), line.data() + line.size(), id);
    if (id != 0) numbers.push_back(id);
  }
  return numbers;
}

}  // namespace

struct ServerProcess::Impl {
  struct Member {
    os::Process process;
    std::uint64_t identity = 0;
    std::optional<os::ProcessWatch> watch;
    bool gone = false;
    os::ExitStatus status;
  };

  explicit Impl(OnLine line_sink) : on_line(std::move(line_sink)) {}

  // On this object's thread ------------------------------------------------

  void take_bytes(std::string_view bytes) {
    if (bytes.empty()) {
      const std::lock_guard lock(mutex);
      ended = true;
      changed.notify_all();
      return;
    }
    partial += bytes;
    for (std::size_t end; (end = partial.find('\n')) != partial.npos;) {
      std::string line = partial.substr(0, end);
      partial.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      take_line(std::move(line));
    }
  }

  void take_line(std::string line) {
    for (const os::ProcessId id : numbers_in(line)) open(id);
    if (on_line) on_line(line);
    const std::lock_guard lock(mutex);
    lines.push_back(std::move(line));
    changed.notify_all();
  }

  void open(os::ProcessId id) {
    // Its number is printed more than once, also when it has ended and only
    // its parent has not noticed yet.
    const auto identity = os::process_identity(id);
    if (!identity || knows(id, *identity)) return;
    // One that cannot be opened is gone already.
    auto process = os::open_process_if(id, *identity);
    if (process) add(std::move(*process));
  }

  void add(os::Process process) {
    auto member = std::make_unique<Member>();
    Member* const entry = member.get();
    entry->process = std::move(process);
    if (auto identity = os::process_identity(entry->process.id())) {
      entry->identity = *identity;
    }
    {
      const std::lock_guard lock(mutex);
      members.push_back(std::move(member));
    }
    auto watch = os::ProcessWatch::start(io, entry->process, [this, entry] {
      const std::lock_guard lock(mutex);
      entry->status = entry->process.exit_status();
      entry->gone = true;
      changed.notify_all();
    });
    if (watch) entry->watch.emplace(std::move(*watch));
  }

  bool knows(os::ProcessId id, std::uint64_t identity) {
    const std::lock_guard lock(mutex);
    return std::any_of(members.begin(), members.end(), [&](const auto& each) {
      return each->process.id() == id && each->identity == identity;
    });
  }

  // With the lock held -----------------------------------------------------

  Member* find(os::ProcessId id) const {
    // The last one: numbers are reused.
    const auto found = std::find_if(
        members.rbegin(), members.rend(), [id](const auto& member) {
          return member->process.id() == id && !member->gone;
        });
    return found == members.rend() ? nullptr : found->get();
  }

  std::vector<os::ProcessId> living() const {
    std::vector<os::ProcessId> ids;
    for (const auto& member : members) {
      if (!member->gone) ids.push_back(member->process.id());
    }
    return ids;
  }

  template <typename Condition>
  bool wait(milliseconds deadline, Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, deadline, condition);
  }

  const OnLine on_line;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{
      asio::make_work_guard(io)};
  std::optional<os::OutputPipe> pipe;
  std::string partial;

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> lines;
  bool ended = false;  ///< no more of them will come
  std::vector<std::unique_ptr<Member>> members;
  os::ProcessId supervisor = 0;  ///< 0: there is none

  std::thread thread;
};

ServerProcess::ServerProcess(os::LaunchRequest request, OnLine on_line)
    : impl_(std::make_unique<Impl>(std::move(on_line))) {
  Impl& impl = *impl_;
  impl.pipe.emplace(os::OutputPipe::open(impl.io).value());
  request.output = impl.pipe->child_end();
  request.own_tree = true;
  os::Process first = os::launch(request).value();
  impl.pipe->close_child_end();
  impl.pipe->start([&impl](std::string_view bytes) { impl.take_bytes(bytes); });
  impl.add(std::move(first));
  impl.thread = std::thread([&impl] { impl.io.run(); });
}

ServerProcess::~ServerProcess() {
  kill_all();
  impl_->wait(kKillDeadline, [this] { return impl_->living().empty(); });
  impl_->io.stop();
  impl_->thread.join();
}

std::optional<std::string> ServerProcess::wait_for_line(std::string_view part,
                                                        ms deadline) const {
  return wait_for_line_after(0, part, deadline);
}

std::optional<std::string> ServerProcess::wait_for_line_after(
    std::size_t skip, std::string_view part, ms deadline) const {
  std::optional<std::string> found;
  impl_->wait(deadline, [&] {
    const auto& lines = impl_->lines;
    for (; skip < lines.size(); ++skip) {
      if (lines[skip].find(part) == std::string::npos) continue;
      found = lines[skip];
      return true;
    }
    return false;
  });
  return found;
}

bool ServerProcess::wait_for_lines(std::string_view part, std::size_t count,
                                   ms deadline) const {
  return impl_->wait(deadline, [&] {
    const auto found = std::count_if(
        impl_->lines.begin(), impl_->lines.end(),
        [&](const auto& line) { return line.find(part) != line.npos; });
    return static_cast<std::size_t>(found) >= count;
  });
}

std::vector<std::string> ServerProcess::lines() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->lines;
}

// Not until the pipe is closed: whatever else inherited it (Wine's console
// host) may outlive them.
std::vector<std::string> ServerProcess::lines_to_the_end(ms deadline) {
  asio::post(impl_->io, [impl = impl_.get()] { impl->pipe->finish(); });
  impl_->wait(deadline, [this] { return impl_->ended; });
  return lines();
}

std::string ServerProcess::output() const {
  std::string text;
  for (const std::string& line : lines()) text += "  | " + line + '\n';
  return text;
}

std::vector<os::ProcessId> ServerProcess::processes() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<os::ProcessId> ids;
  for (const auto& member : impl_->members) {
    ids.push_back(member->process.id());
  }
  return ids;
}

std::vector<os::ProcessId> ServerProcess::living() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->living();
}

bool ServerProcess::wait_gone(os::ProcessId id, ms deadline) const {
  return impl_->wait(deadline, [&] { return impl_->find(id) == nullptr; });
}

void ServerProcess::expect_supervisor() {
  const std::lock_guard lock(impl_->mutex);
  impl_->supervisor = impl_->members.front()->process.id();
}

bool ServerProcess::wait_alone(os::ProcessId id, ms deadline) const {
  return impl_->wait(deadline, [&] {
    auto living = impl_->living();
    std::erase(living, impl_->supervisor);
    return living == std::vector{id};
  });
}

std::optional<os::ExitStatus> ServerProcess::first_exit_status() const {
  const std::lock_guard lock(impl_->mutex);
  const auto& first = *impl_->members.front();
  if (!first.gone) return std::nullopt;
  return first.status;
}

void ServerProcess::kill(os::ProcessId id) {
  const std::lock_guard lock(impl_->mutex);
  if (auto* member = impl_->find(id)) (void)member->process.kill();
}

void ServerProcess::ask_to_stop(os::ProcessId id) {
  const std::lock_guard lock(impl_->mutex);
  if (auto* member = impl_->find(id)) (void)member->process.ask_to_stop();
}

void ServerProcess::kill_all() {
  const std::lock_guard lock(impl_->mutex);
  for (const auto& member : impl_->members) {
    if (!member->gone) (void)member->process.kill();
  }
  // What never said its number.
  (void)impl_->members.front()->process.kill_tree();
}

bool ServerProcess::stop(ms deadline) {
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& member : impl_->members) {
      if (!member->gone) (void)member->process.ask_to_stop();
    }
  }
  return impl_->wait(deadline, [this] { return impl_->living().empty(); });
}

}  // namespace relaunch::test
