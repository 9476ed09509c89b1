// chat [ADDRESS]: talks on tcp://127.0.0.1:7000, or there. Beside itself it
// needs nothing: /update relaunches what `cmake --build build` leaves.
#include <boost/asio/io_context.hpp>
#include <exception>
#include <iostream>
#include <string>

#include "relaunch/relaunch.hpp"
#include "server.hpp"

int main(int argc, char** argv) try {
  boost::asio::io_context io{1};
  relaunch::Options options;
  options.build = {"cmake", "--build", "build"};
  options.artifact = "build/chat";  // on Windows: build/chat.exe
  options.executor = relaunch::asio::executor(io);
  options.handle_stop_requests = true;
  options.control = true;  // relaunch upgrade --name chat
  options.log = [](relaunch::LogLevel, std::string_view line) {
    std::clog << line << std::endl;
  };
  relaunch::Upgrader upgrader{options};
  chat::Server server{
      io,
      upgrader,
      upgrader.listen("chat", argc > 1 ? argv[1] : "tcp://127.0.0.1:7000"),
      {}};
  upgrader.ready();
  io.run();  // returns when nobody talks here any more
} catch (const std::exception& failure) {
  std::cerr << "chat: " << failure.what() << '\n';
  return 1;
}
