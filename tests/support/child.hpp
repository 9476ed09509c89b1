// Child processes whose body sits beside the test that starts them.
//
//   RELAUNCH_CHILD_MAIN(fails) { return 7; }
//
//   TEST(Launch, …) { run_child(child_request("fails")); }
//
// The child is this very test program, started with `--child=fails`.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/channel.hpp"
#include "common/os/process.hpp"

namespace relaunch::test {

using ChildMain = int (*)(const std::vector<std::string>& args);

struct ChildRegistration {
  ChildRegistration(const char* name, ChildMain body);
};

/// `args`: UTF-8, what came after --child=….
#define RELAUNCH_CHILD_MAIN(name)                                       \
  static int name##_child_main(const std::vector<std::string>& args);   \
  static const ::relaunch::test::ChildRegistration name##_registration{ \
      #name, name##_child_main};                                        \
  static int name##_child_main(                                         \
      [[maybe_unused]] const std::vector<std::string>& args)

/// If this process was started as a child: runs its body. For main().
bool is_child(const std::vector<std::string>& arguments);
int run_child_body(const std::vector<std::string>& arguments);

/// This program with our environment, as the child of that name.
os::LaunchRequest child_request(std::string_view name,
                                std::vector<std::string> args = {});

struct ChildResult {
  os::ExitStatus status;
  std::string output;   ///< "\n" is the end of a line on every system
  bool in_time = true;  ///< false: it had to be killed
};
/// Starts it with its output captured and waits for its end. Throws Error if
/// it cannot be started.
ChildResult run_child(os::LaunchRequest request,
                      std::chrono::milliseconds limit = std::chrono::seconds{
                          20});

/// A child that talks with its test over a channel.
struct LinkedChild {
  os::Process process;
  os::Channel channel;
};
/// The child finds its end with inherited_channel_end().
LinkedChild start_linked(boost::asio::io_context& io,
                         os::LaunchRequest request);
/// In such a child; throws if it is none.
os::Handle inherited_channel_end();
/// In any child: what launch() passed under this variable.
native_handle passed_handle(std::string_view variable);
/// In a child: a line of its output, sent at once.
void say(std::string_view line);

/// Any bytes as lower-case hex digits: what survives every stream.
std::string hex(std::string_view bytes);

}  // namespace relaunch::test
