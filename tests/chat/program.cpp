// chat KEY=VALUE...: the chat server as a test wants it; keys as of the test
// server.
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "programs/settings.hpp"
#include "relaunch/relaunch.hpp"
#include "server.hpp"

namespace relaunch::test {
namespace {

void print(LogLevel, std::string_view line) {
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

int run() try {
  const Settings settings = read_settings(os::own_arguments().value());
  boost::asio::io_context io{1};
  Options options;
  options.name = "chat";
  options.artifact = text::path_from_utf8(setting(settings, "artifact"));
  options.state_folder = text::path_from_utf8(setting(settings, "state"));
  options.deadlines = read_deadlines(settings);
  options.executor = asio::executor(io);
  options.handle_stop_requests = true;
  options.log = print;
  Upgrader upgrader{options};
  const Listener listener =
      upgrader.listen("chat", setting(settings, "listen"));
  chat::Server server{
      io, upgrader, listener, {.skip_build = true, .force = true}};
  upgrader.ready();
  print(LogLevel::info, text::cat("generation: address=", listener.address(),
                                  " pid=", os::own_process_id()));
  io.run();
  return 0;
} catch (const std::exception& failure) {
  std::printf("chat: %s\n", failure.what());
  return 1;
}

}  // namespace
}  // namespace relaunch::test

int main() { return relaunch::test::run(); }
