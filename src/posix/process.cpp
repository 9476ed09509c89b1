#include "common/os/process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "common/os/files.hpp"
#include "posix/activation.hpp"
#include "posix/posix.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "posix/spawn.hpp"

namespace relaunch::os {
namespace {

using text::cat;

Handle open_pidfd(ProcessId id) {
  if (fault("process.open")) return {};
  return Handle{
      static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(id), 0U))};
}

int send_signal(native_handle pidfd, int signal) {
  return static_cast<int>(
      ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0U));
}

Result<void> signal_process(const Process& process, int signal,
                            std::string_view verb) {
  if (send_signal(process.handle(), signal) == 0 || errno == ESRCH) return {};
  return Error{last_error(), cat("cannot ", verb, " process ", process.id(),
                                 ": pidfd_send_signal")};
}

std::optional<int> stop_signal_number(std::string_view name) {
  constexpr std::pair<std::string_view, int> kSignals[] = {
      {"TERM", SIGTERM}, {"INT", SIGINT},   {"QUIT", SIGQUIT},  {"HUP", SIGHUP},
      {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"WINCH", SIGWINCH}};
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (const auto& [known, number] : kSignals) {
    if (known == name) return number;
  }
  return std::nullopt;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  // exec takes them as not const, and does not write.
  for (const auto& one : texts) all.push_back(const_cast<char*>(one.c_str()));
  all.push_back(nullptr);
  return all;
}

// What exec would cut off at the zero, or start without a name.
bool is_expressible(const LaunchRequest& request,
                    const Environment& environment) {
  const auto has_zero = [](const std::string& text) {
    return text.find('\0') != std::string::npos;
  };
  return !request.arguments.empty() &&
         std::none_of(request.arguments.begin(), request.arguments.end(),
                      has_zero) &&
         std::none_of(environment.begin(), environment.end(), has_zero);
}

std::string_view name_of(SpawnStep step) {
  switch (step) {
    case SpawnStep::clone:
      return "clone";
    case SpawnStep::handles:
      return "pass its handles";
    case SpawnStep::streams:
      return "set its standard streams";
    case SpawnStep::folder:
      return "chdir";
    case SpawnStep::session:
      return "setsid";
    case SpawnStep::exec:
      break;
  }
  return "exec";
}

// Whoever ignores SIGCHLD, or waits for every child, has the status of our
// children too. So a shell waits for this one, and tells on its descriptor 3.
constexpr char kTellingShell[] =
    R"("$0" "$@" 3>&-; code=$?; echo "$code" >&3; exit "$code")";

std::vector<std::string> by_shell(const std::string& executable,
                                  const std::vector<std::string>& arguments) {
  std::vector<std::string> words{"sh", "-c", kTellingShell, executable};
  words.insert(words.end(), arguments.begin() + 1, arguments.end());
  return words;
}

struct StatusPipe {
  Handle reader;
  Handle writer;
};
Result<StatusPipe> make_status_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return Error{last_error(), "cannot make a pipe: pipe2"};
  }
  return StatusPipe{Handle{ends[0]}, Handle{ends[1]}};
}

// What the shell has told, once it is gone; nothing if it was killed.
std::optional<std::uint32_t> read_told_status(const Handle& pipe) {
  if (!pipe) return std::nullopt;
  char digits[16];
  const ssize_t got =
      uninterrupted([&] { return ::read(pipe.get(), digits, sizeof digits); });
  std::uint32_t code = 0;
  if (got <= 0 ||
      std::from_chars(digits, digits + got, code).ec != std::errc{}) {
    return std::nullopt;
  }
  return code;
}

Error cannot_start(const LaunchRequest& request, const Spawned& child) {
  std::string context = cat("cannot start ", request.executable, ": ",
                            name_of(child.failed_step));
  if (child.failed_step == SpawnStep::folder) {
    context += " " + request.folder.string();
  }
  return Error{{child.error, std::system_category()}, std::move(context)};
}

// "12 (a) b) S 1 12 7 …": the name may hold anything, so what counts begins
// after the last parenthesis. https://man7.org/linux/man-pages/man5/proc.5.html
struct ProcStat {
  char state = 'X';
  long session = -1;
  unsigned long long started = 0;  ///< clock ticks after boot
};
std::optional<ProcStat> read_stat(ProcessId id) {
  const Handle file{uninterrupted([&] {
    return ::open(cat("/proc/", id, "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  })};
  if (!file) return std::nullopt;
  char line[1024];
  const ssize_t got =
      uninterrupted([&] { return ::read(file.get(), line, sizeof line - 1); });
  if (got <= 0) return std::nullopt;
  line[got] = '\0';
  const char* rest = std::strrchr(line, ')');
  ProcStat stat;
  if (!rest || std::sscanf(rest,
                           ") %c %*d %*d %ld %*d %*d %*u %*u %*u %*u %*u %*u "
                           "%*u %*d %*d %*d %*d %*d %*d %llu",
                           &stat.state, &stat.session, &stat.started) != 3) {
    return std::nullopt;
  }
  return stat;
}

bool is_live_member(const std::optional<ProcStat>& stat, ProcessId session) {
  return stat && stat->session == static_cast<long>(session) &&
         stat->state != 'Z' && stat->state != 'X';
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

using KilledSet = std::set<std::pair<ProcessId, unsigned long long>>;

// Kills what belongs to the session and was not killed yet; answers whether
// there was any. A process with SIGKILL pending cannot fork any more, so a
// round that finds nobody new has found everybody.
Result<bool> kill_round(ProcessId session, KilledSet& killed) {
  const std::unique_ptr<DIR, CloseFolder> folder{::opendir("/proc")};
  if (!folder) return Error{last_error(), "cannot list processes: opendir"};
  bool found = false;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name{entry->d_name};
    ProcessId id = 0;
    const auto parsed =
        std::from_chars(name.data(), name.data() + name.size(), id);
    if (parsed.ec != std::errc{} || *parsed.ptr != '\0') continue;
    if (!is_live_member(read_stat(id), session)) continue;
    // The number may have changed hands since: looked at again once it cannot.
    const Handle pidfd = open_pidfd(id);
    if (!pidfd) continue;
    const auto stat = read_stat(id);
    if (!is_live_member(stat, session)) continue;
    if (!killed.emplace(id, stat->started).second) continue;
    found = true;
    if (send_signal(pidfd.get(), SIGKILL) != 0 && errno != ESRCH) {
      return Error{last_error(),
                   cat("cannot kill process ", id, ": pidfd_send_signal")};
    }
  }
  return found;
}

}  // namespace

std::string ExitStatus::text() const {
  switch (kind) {
    case Kind::exited:
      return cat("exit code ", code);
    case Kind::signalled:
      return cat("signal ", code, " (", ::strsignal(static_cast<int>(code)),
                 ")");
    case Kind::unknown:
      break;
  }
  return "exit status unknown";
}

bool Process::gone(std::chrono::milliseconds patience) const {
  if (!handle_) return true;
  pollfd ended{handle_.get(), POLLIN, 0};
  const int limit = static_cast<int>(patience.count());
  return uninterrupted([&] { return ::poll(&ended, 1, limit); }) > 0;
}

ExitStatus Process::exit_status() {
  siginfo_t info = {};
  const int result = uninterrupted([&] {
    return ::waitid(P_PIDFD, static_cast<id_t>(handle_.get()), &info,
                    WEXITED | WNOHANG);
  });
  if (result != 0 || info.si_pid == 0) {
    const auto told = read_told_status(status_);
    return told ? ExitStatus{ExitStatus::Kind::exited, *told} : ExitStatus{};
  }
  const auto code = static_cast<std::uint32_t>(info.si_status);
  if (info.si_code == CLD_EXITED) return {ExitStatus::Kind::exited, code};
  return {ExitStatus::Kind::signalled, code};
}

Result<void> Process::ask_to_stop() const {
  return signal_process(*this, SIGTERM, "stop");
}

Result<void> Process::ask_to_stop(std::string_view signal) const {
  const auto number = stop_signal_number(signal);
  if (!number) {
    return Error{errc::invalid_argument,
                 cat("cannot stop process ", id_, ": signal '",
                     text::printable(signal), "'")};
  }
  return signal_process(*this, *number, "stop");
}

bool is_stop_signal(std::string_view signal) {
  return stop_signal_number(signal).has_value();
}

Result<void> Process::kill() const {
  return signal_process(*this, SIGKILL, "kill");
}

// By session and not by process group: a build tool puts its jobs into groups
// of their own, so that one signal would not reach them. What makes a session
// of its own, as a daemon does, has left the tree.
Result<void> Process::kill_tree() {
  // The number stays taken while one member of the session lives. If our
  // process was reaped and another has its number, then nobody is left.
  const bool reaped = send_signal(handle_.get(), 0) != 0 && errno == ESRCH;
  if (reaped && read_stat(id_)) return {};
  auto first = kill();
  if (!first) return first;
  constexpr int kMaxRounds = 200;
  KilledSet killed;
  for (int round = 0; round < kMaxRounds; ++round) {
    const auto found = kill_round(id_, killed);
    if (!found) return found.error();
    if (!*found) return {};
  }
  return Error{std::make_error_code(std::errc::timed_out),
               cat("cannot end all descendants of process ", id_,
                   ": they start new ones too fast")};
}

Result<Process> launch(const LaunchRequest& request) {
  Environment environment = request.environment;
  SpawnPlan plan;
  StatusPipe told;
  if (request.sure_status) {
    auto pipe = make_status_pipe();
    if (!pipe) return pipe.error();
    told = std::move(*pipe);
    plan.handles.push_back(told.writer.get());
  }
  if (auto added = add_listeners(request, plan, environment); !added) {
    return added.error();
  }
  for (const auto& passed : request.handles) {
    set_variable(environment, passed.variable,
                 cat(kFirstPassed + plan.handles.size()));
    plan.handles.push_back(passed.handle);
  }
  if (!is_expressible(request, environment)) {
    return Error{errc::invalid_argument,
                 cat("cannot start ", request.executable,
                     ": no name, or a zero character in an argument or a "
                     "variable")};
  }
  // As CreateProcess does: a relative path is seen from here, not from the
  // child's folder.
  std::error_code failure;
  const auto program = std::filesystem::absolute(request.executable, failure);
  if (failure) {
    return Error{failure, cat("cannot start ", request.executable,
                              ": find the working folder")};
  }
  const std::string folder = request.folder.string();
  const std::string executable = request.sure_status ? "/bin/sh" : program;
  const auto words = request.sure_status ? by_shell(program, request.arguments)
                                         : request.arguments;
  const auto arguments = pointers(words);
  const auto variables = pointers(environment);
  plan.executable = executable.c_str();
  plan.folder = folder.empty() ? nullptr : folder.c_str();
  plan.arguments = arguments.data();
  plan.environment = variables.data();
  plan.own_number = own_number(request, environment);
  plan.output = request.output;
  plan.error = request.error;
  plan.new_session = request.own_tree;
  plan.as_sibling = request.as_sibling;

  if (fault("process.launch")) {
    return Error{last_error(), cat("cannot start ", request.executable, ": ",
                                   name_of(SpawnStep::clone))};
  }
  Spawned child = spawn(plan);
  // A fork of the host's has for a moment what was open in here, the fresh copy
  // of the program too, if it was being written just then.
  constexpr int kMaxTries = 100;
  for (int tries = 0; child.error == ETXTBSY && tries < kMaxTries; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
    child = spawn(plan);
  }
  if (child.error != 0) return cannot_start(request, child);
  Process process{std::move(child.process), static_cast<ProcessId>(child.id)};
  process.status_ = std::move(told.reader);
  return process;
}

Result<Handle> own_process_handle() {
  Handle self = open_pidfd(own_process_id());
  if (!self) return Error{last_error(), "cannot open this process: pidfd_open"};
  return self;
}

Result<Process> open_process(ProcessId id) {
  Handle handle = open_pidfd(id);
  if (!handle) {
    return Error{last_error(), cat("cannot open process ", id, ": pidfd_open")};
  }
  return Process{std::move(handle), id};
}

// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: clock ticks
// after boot. Another boot has another id.
Result<std::uint64_t> process_identity(ProcessId id) {
  const auto stat = read_stat(id);
  if (!stat || stat->state == 'Z' || stat->state == 'X') {
    return Error{make_error_code(std::errc::no_such_process),
                 cat("cannot tell when process ", id, " began")};
  }
  const auto boot =
      read_file("/proc/sys/kernel/random/boot_id", std::size_t{256});
  const std::uint64_t seed = boot ? XXH3_64bits(boot->data(), boot->size()) : 0;
  // It goes through JSON, whose numbers are signed.
  return (stat->started ^ seed) & 0x7FFFFFFFFFFFFFFFU;
}

// The handle first: what it names cannot change any more.
Result<Process> open_process_if(ProcessId id, std::uint64_t identity) {
  auto process = open_process(id);
  if (!process) return process;
  const auto now = process_identity(id);
  if (now && *now == identity) return process;
  return Error{make_error_code(std::errc::no_such_process),
               cat("process ", id, " is another one by now")};
}

}  // namespace relaunch::os
