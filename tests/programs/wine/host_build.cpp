// host_build WORD...: runs a command of the Linux host from inside Wine.
//
// The demo shows Windows programs under Wine, but the compiler is the host's
// cross compiler. Wine can start a host program by its path, but gives no
// handle to wait for. So a host shell connects back to this process, its
// output comes over that connection, then its exit code. When this process
// ends, however it ends, the connection breaks, and the shell ends the command
// with everything that it started.
#include <array>
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "common/os/system.hpp"
#include "win32/win32.hpp"

namespace relaunch::test {
namespace {

using os::Socket;

constexpr timeval kConnectDeadline{20, 0};  // seconds, microseconds
constexpr int kCannotRun = 125;
/// Comes before the exit code; no compiler prints it.
constexpr char kEndMark = '\0';

// $1 is the port, the rest the command. `set -m` makes each background job a
// process group of its own, which can be ended as a whole.
constexpr std::string_view kScript = R"(
  exec 3<>/dev/tcp/127.0.0.1/$1 || exit 1
  exec </dev/null >/dev/null 2>&1
  shift
  set -m
  "$@" >&3 2>&1 3>&- &
  command=$!
  { cat <&3; kill -TERM -- -$command; } &
  watcher=$!
  wait $command; code=$?
  printf '\0%d\n' $code >&3
  kill -TERM -- -$watcher
)";

Result<Socket> listen_on_loopback() {
  if (const auto started = os::start_sockets(); !started) {
    return started.error();
  }
  const auto address = Address::parse("tcp://127.0.0.1:0");
  if (!address) return address.error();
  return os::open_listener(*address);
}

Result<void> start_shell(const std::vector<std::string>& words,
                         std::uint16_t port) {
  std::vector<std::string> line{"bash", "-c", std::string(kScript),
                                "host_build", std::to_string(port)};
  line.insert(line.end(), words.begin(), words.end());
  std::wstring command_line;
  for (const std::string& word : line) {
    if (!command_line.empty()) command_line += L' ';
    command_line += os::win32::quoted(os::win32::wide(word));
  }
  STARTUPINFOW startup{};
  startup.cb = sizeof startup;
  PROCESS_INFORMATION process{};
  if (!CreateProcessW(L"Z:\\bin\\bash", command_line.data(), nullptr, nullptr,
                      FALSE, 0, nullptr, nullptr, &startup, &process)) {
    return os::win32::failure(
        "cannot start the host's /bin/bash (this works under Wine only): "
        "CreateProcessW");
  }
  return {};
}

Result<Socket> accept_shell(const Socket& listener) {
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(listener.get(), &readable);
  timeval deadline = kConnectDeadline;
  if (select(0, &readable, nullptr, nullptr, &deadline) != 1) {
    return Error{make_error_code(std::errc::timed_out),
                 "cannot reach the host's shell"};
  }
  Socket shell{accept(listener.get(), nullptr, nullptr)};
  if (!shell) {
    return Error{os::last_socket_error(),
                 "cannot accept the host's shell: accept"};
  }
  return shell;
}

/// Prints what comes before the end mark; answers what comes after it.
std::string relay(const Socket& shell) {
  std::array<char, 4096> piece{};
  std::string code;
  bool ended = false;
  for (int size; (size = recv(shell.get(), piece.data(),
                              static_cast<int>(piece.size()), 0)) > 0;) {
    std::string_view bytes(piece.data(), static_cast<std::size_t>(size));
    if (!ended) {
      const std::size_t mark = bytes.find(kEndMark);
      ended = mark != bytes.npos;
      const std::string_view output = bytes.substr(0, mark);
      std::fwrite(output.data(), 1, output.size(), stdout);
      std::fflush(stdout);
      bytes.remove_prefix(ended ? mark + 1 : bytes.size());
    }
    code += bytes;
  }
  return code;
}

int fail(std::string_view reason) {
  std::fprintf(stderr, "host_build: %.*s\n", static_cast<int>(reason.size()),
               reason.data());
  return kCannotRun;
}

int run() {
  const auto arguments = os::own_arguments();
  if (!arguments) return fail(arguments.error().text());
  const std::vector<std::string> words(arguments->begin() + 1,
                                       arguments->end());
  if (words.empty()) return fail("usage: host_build WORD...");
  const auto listener = listen_on_loopback();
  if (!listener) return fail(listener.error().text());
  const auto address = os::local_address(listener->get());
  if (!address) return fail(address.error().text());
  if (const auto started = start_shell(words, address->port()); !started) {
    return fail(started.error().text());
  }
  const auto shell = accept_shell(*listener);
  if (!shell) return fail(shell.error().text());
  const std::string text = relay(*shell);
  int code = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), code).ec !=
      std::errc{}) {
    return fail("the host's shell ended without an exit code");
  }
  return code;
}

}  // namespace
}  // namespace relaunch::test

int main() { return relaunch::test::run(); }
