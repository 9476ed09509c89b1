#include "common/os/system.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "common/base/text.hpp"
#include "posix/posix.hpp"

extern char** environ;

namespace relaunch::os {

// Never repeated after EINTR: on Linux the number is free already, and may be
// another thread's by now. https://man7.org/linux/man-pages/man2/close.2.html
void HandleTraits::close(native_type native) noexcept {
  const int kept = errno;
  ::close(native);
  errno = kept;
}

void SocketTraits::close(native_type native) noexcept {
  HandleTraits::close(native);
}

std::error_code last_error() { return {errno, std::system_category()}; }

std::error_code last_socket_error() { return last_error(); }

void set_last_error(int number) { errno = number; }

ProcessId own_process_id() { return static_cast<ProcessId>(::getpid()); }

native_handle handle_from_number(std::uintptr_t number) {
  if (number > std::numeric_limits<native_handle>::max()) return kNoHandle;
  return static_cast<native_handle>(number);
}

void keep_from_children(native_handle handle) {
  ::fcntl(handle, F_SETFD, FD_CLOEXEC);
}

void open_missing_streams() {
  for (;;) {
    const int number =
        uninterrupted([] { return ::open("/dev/null", O_RDWR | O_CLOEXEC); });
    if (number > STDERR_FILENO) ::close(number);
    if (number < 0 || number > STDERR_FILENO) return;
    ::fcntl(number, F_SETFD, 0);
  }
}

void load_libraries_from_system_only() {}

void keep_signals_from_this_thread() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

Result<std::vector<std::string>> own_arguments() {
  const Handle file{uninterrupted(
      [] { return ::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC); })};
  if (!file) return Error{last_error(), "cannot open /proc/self/cmdline"};
  std::string all;
  char piece[4096];
  for (;;) {
    const ssize_t got =
        uninterrupted([&] { return ::read(file.get(), piece, sizeof piece); });
    if (got < 0) return Error{last_error(), "cannot read /proc/self/cmdline"};
    if (got == 0) break;
    all.append(piece, static_cast<std::size_t>(got));
  }
  std::vector<std::string> arguments;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find('\0', begin), all.size());
    arguments.push_back(all.substr(begin, end - begin));
    begin = end + 1;
  }
  return arguments;
}

Result<std::filesystem::path> running_executable() {
  std::error_code failure;
  auto path = std::filesystem::read_symlink("/proc/self/exe", failure);
  if (failure) return Error{failure, "cannot read /proc/self/exe"};
  return path;
}

Result<Handle> open_running_image() {
  Handle image{uninterrupted(
      [] { return ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC); })};
  if (!image) return Error{last_error(), "cannot open /proc/self/exe"};
  return image;
}

Environment own_environment() {
  Environment all;
  for (char** entry = environ; entry && *entry; ++entry) {
    all.emplace_back(*entry);
  }
  return all;
}

std::optional<std::string> environment_variable(std::string_view name) {
  const char* value = std::getenv(std::string{name}.c_str());
  if (!value) return std::nullopt;
  return value;
}

void unset_environment_variable(std::string_view name) {
  ::unsetenv(std::string{name}.c_str());
}

char path_list_separator() { return ':'; }

std::string_view executable_suffix() { return {}; }

std::optional<std::string> why_not_replaceable() {
  if (::getpid() != 1) return std::nullopt;
  return "process 1 of a container cannot hand itself over, since the "
         "container ends with it: run it under relaunch run";
}

Result<std::filesystem::path> default_state_folder() {
  if (::geteuid() == 0) return std::filesystem::path{"/var/lib/relaunch"};
  // The specification has relative values ignored.
  // https://specifications.freedesktop.org/basedir-spec/latest/
  const auto given = environment_variable("XDG_STATE_HOME");
  if (given && given->starts_with('/')) {
    return std::filesystem::path{*given} / "relaunch";
  }
  const auto home = environment_variable("HOME");
  if (home && home->starts_with('/')) {
    return std::filesystem::path{*home} / ".local/state/relaunch";
  }
  return Error{errc::invalid_argument,
               "cannot choose a state folder: neither XDG_STATE_HOME nor HOME "
               "is an absolute path"};
}

}  // namespace relaunch::os
