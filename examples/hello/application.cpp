#include "application.hpp"

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "failure.hpp"
#include "greeting.hpp"
#include "log.hpp"
#include "relaunch/asio.hpp"
#include "relaunch/relaunch.hpp"
#include "server.hpp"

namespace hello {
namespace {

namespace fs = std::filesystem;

ExitCode exit_code_of_set_up(const relaunch::Error& error) {
  if (error.code() == relaunch::errc::invalid_argument) {
    return ExitCode::configuration;
  }
  if (error.code() == relaunch::errc::artifact_missing) {
    return ExitCode::artifact;
  }
  if (error.code().category() == relaunch::relaunch_category()) {
    return ExitCode::internal;
  }
  return ExitCode::io;
}

ExitCode exit_code_of_listen(const relaunch::Error& error) {
  if (error.code() == relaunch::errc::invalid_argument) {
    return ExitCode::configuration;
  }
  if (error.code().category() == relaunch::relaunch_category()) {
    return ExitCode::internal;
  }
  if (error.code() == std::errc::permission_denied) {
    return ExitCode::no_permission;
  }
  return ExitCode::unavailable;
}

/// With a build the artifact may still have to be made; without one it is all
/// there is.
void check_artifact(const Options& options) {
  if (options.artifact.empty()) {
    if (options.build_command.empty()) return;
    throw Failure(ExitCode::configuration,
                  "cannot use a build command without --artifact: what does "
                  "it leave?");
  }
  std::error_code failure;
  if (!options.build_command.empty() || fs::exists(options.artifact, failure)) {
    return;
  }
  throw Failure(ExitCode::artifact,
                "cannot use the artifact " + options.artifact.string() + ": " +
                    (failure ? failure.message()
                             : "it is not there, and no build command would "
                               "make it"));
}

relaunch::Options library_options(const Options& options,
                                  boost::asio::io_context& io,
                                  relaunch::LogSink log) {
  relaunch::Options out;
  out.name = "hello";
  out.build = relaunch::Command(options.build_command);
  out.build.folder = options.build_folder;
  out.artifact = options.artifact;
  out.executable = options.executable;
  out.state_folder = options.state_folder;
  out.deadlines = options.deadlines;
  out.executor = relaunch::asio::executor(io);
  out.log = std::move(log);
  out.handle_stop_requests = true;
  out.control = options.control;
  return out;
}

std::unique_ptr<relaunch::Upgrader> make_upgrader(relaunch::Options options) {
  try {
    return std::make_unique<relaunch::Upgrader>(std::move(options));
  } catch (const relaunch::Error& error) {
    throw Failure(exit_code_of_set_up(error), error.text());
  }
}

relaunch::Listener listen(relaunch::Upgrader& upgrader,
                          const std::string& address) {
  try {
    return upgrader.listen("http", address);
  } catch (const relaunch::Error& error) {
    throw Failure(exit_code_of_listen(error), error.text());
  }
}

}  // namespace

void serve(const Options& options) {
  const auto log = make_log(options.log_level);
  // The context is first, since the library posts to it as long as it lives;
  // no thread has been started when the Upgrader is made.
  boost::asio::io_context io{1};
  const auto upgrader = make_upgrader(library_options(options, io, log));
  if (!upgrader->inherited()) check_artifact(options);
  at_start();

  const auto listener = listen(*upgrader, options.listen);
  Server server(io, *upgrader, listener,
                {options.token, options.access_log, true, log});
  upgrader->on_health([&server] { return healthy(server.answered()); });
  upgrader->on_drain(
      [&server](const relaunch::Drain& drain) { server.drain(drain); });
  upgrader->ready();

  const auto status = upgrader->status();
  log(relaunch::LogLevel::info,
      "ready: address=" + listener.address() +
          " generation=" + std::to_string(status.generation) +
          " pid=" + std::to_string(status.pid));
  io.run();
  log(relaunch::LogLevel::info,
      "drained: generation=" + std::to_string(status.generation) +
          " requests=" + std::to_string(server.answered()));
}

}  // namespace hello
