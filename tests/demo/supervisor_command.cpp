#include "demo/supervisor_command.hpp"

#include "common/base/text.hpp"

namespace relaunch::demo {
namespace {

constexpr std::string_view kCommand = RELAUNCH_COMMAND;

void append(Workshop::Words& words, const Workshop::Words& more) {
  words.insert(words.end(), more.begin(), more.end());
}

}  // namespace

bool SupervisorCommand::built() { return !kCommand.empty(); }

os::LaunchRequest SupervisorCommand::over(os::LaunchRequest server,
                                          const Workshop::Words& build) const {
  std::string line;
  for (const std::string& word : build) line += '"' + word + "\" ";
  Workshop::Words words{"relaunch",          "run",
                        "--probation",       "1500ms",
                        "--health-interval", "100ms",
                        "--listen",          "http=tcp://127.0.0.1:0",
                        "--artifact",        text::utf8(server.executable),
                        "--build",           line};
  append(words, instance());
  words.emplace_back("--");
  append(words, server.arguments);
  server.executable = text::path_from_utf8(kCommand);
  server.arguments = std::move(words);
  return server;
}

bool SupervisorCommand::ask(const std::string& verb, std::string_view expected,
                            const Terminal& terminal) const {
  terminal.say("$ relaunch " + verb + " --name demo");
  Workshop::Words words{std::string(kCommand), verb};
  append(words, instance());
  std::string answer;
  const bool done = workshop_.run(words, [&](std::string_view line) {
    terminal.quote(line);
    answer += line;
  });
  return done && answer.find(expected) != std::string::npos;
}

Workshop::Words SupervisorCommand::instance() const {
  return {"--name",         "demo",
          "--state-folder", text::utf8(workshop_.path("supervisor")),
          "--run-folder",   text::utf8(workshop_.path("run"))};
}

}  // namespace relaunch::demo
