#include "support/child.hpp"

#include <charconv>
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

constexpr std::string_view kPrefix = "--child=";
constexpr char kChannelVariable[] = "RELAUNCH_TEST_CHANNEL";

std::map<std::string, ChildMain, std::less<>>& bodies() {
  static std::map<std::string, ChildMain, std::less<>> all;
  return all;
}

}  // namespace

ChildRegistration::ChildRegistration(const char* name, ChildMain body) {
  bodies().emplace(name, body);
}

bool is_child(const std::vector<std::string>& arguments) {
  return arguments.size() > 1 && arguments[1].starts_with(kPrefix);
}

int run_child_body(const std::vector<std::string>& arguments) {
  const std::string name = arguments[1].substr(kPrefix.size());
  const auto found = bodies().find(name);
  if (found == bodies().end()) {
    std::fprintf(stderr, "no child is called %s\n", name.c_str());
    return 125;
  }
  try {
    return found->second({arguments.begin() + 2, arguments.end()});
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "child %s: %s\n", name.c_str(), failure.what());
    return 124;
  }
}

os::LaunchRequest child_request(std::string_view name,
                                std::vector<std::string> args) {
  os::LaunchRequest request;
  request.executable = os::running_executable().value();
  request.arguments = {text::utf8(request.executable),
                       text::cat(kPrefix, name)};
  for (auto& one : args) request.arguments.push_back(std::move(one));
  request.environment = os::own_environment();
  return request;
}

ChildResult run_child(os::LaunchRequest request,
                      std::chrono::milliseconds limit) {
  boost::asio::io_context io;
  auto pipe = os::OutputPipe::open(io).value();
  request.output = pipe.child_end();
  auto process = os::launch(request).value();
  pipe.close_child_end();

  ChildResult result;
  bool ended = false;
  bool gone = false;
  pipe.start([&](std::string_view bytes) {
    for (const char byte : bytes) {
      if (byte != '\r') result.output += byte;
    }
    if (bytes.empty()) ended = true;
  });
  const auto watch = os::ProcessWatch::start(io, process, [&] {
                       gone = true;
                       pipe.finish();
                     }).value();
  result.in_time = wait_until(
      io, [&] { return gone && ended; }, limit);
  if (!result.in_time) {
    process.kill().value();
    wait_until(
        io, [&] { return gone && ended; }, limit);
  }
  result.status = process.exit_status();
  return result;
}

LinkedChild start_linked(boost::asio::io_context& io,
                         os::LaunchRequest request) {
  auto pair = os::make_channel_pair().value();
  request.handles.insert(request.handles.begin(),
                         {kChannelVariable, pair.theirs.get()});
  auto process = os::launch(request).value();
  return {std::move(process), os::Channel{io, std::move(pair.ours)}};
}

native_handle passed_handle(std::string_view variable) {
  const auto value = os::environment_variable(variable);
  if (!value) {
    throw std::runtime_error(text::cat(variable, " is not set"));
  }
  std::uintptr_t number = 0;
  std::from_chars(value->data(), value->data() + value->size(), number);
  return os::handle_from_number(number);
}

os::Handle inherited_channel_end() {
  return os::Handle{passed_handle(kChannelVariable)};
}

void say(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string digits;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    digits += kDigits[value / 16];
    digits += kDigits[value % 16];
  }
  return digits;
}

}  // namespace relaunch::test
