#include "sweep/tracer.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "common/base/text.hpp"
#include "sweep/points.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

}  // namespace

Tracer::Tracer(ServerUnderTest& server, const std::string& role,
               const std::string& injection)
    : trace_(server.path("trace")), number_(server.path("faults") / "tracer") {
  std::vector<std::string> words{"-f", "-o", trace_.string()};
  if (!injection.empty()) {
    words.insert(words.end(), {"-e", injection});
  }
  if (role == "successor") {
    std::string lines;
    for (const auto& word : words) lines += word + '\n';
    server.arm("successor.strace", lines);
    return;
  }
  // Its children are other programs, not its doing.
  words.insert(words.end(), {"-b", "execve"});
  os::LaunchRequest request;
  request.executable = "/usr/bin/strace";
  request.arguments = {"strace"};
  request.arguments.insert(request.arguments.end(), words.begin(), words.end());
  request.arguments.push_back("-p");
  request.arguments.push_back(
      std::to_string(role == "supervisor" ? server.process().processes().front()
                                          : server.status().pid));
  request.environment = os::own_environment();
  strace_ = std::make_unique<ServerProcess>(std::move(request));
  if (!strace_->wait_for_line("attached", kStepDeadline)) {
    throw std::runtime_error("strace cannot attach:\n" + strace_->output());
  }
}

void Tracer::detach() {
  if (strace_) {
    strace_->stop(kStepDeadline);
    strace_.reset();
  }
  const auto id = std::strtoul(content(number_).c_str(), nullptr, 10);
  if (id == 0) return;
  auto strace = os::open_process(static_cast<os::ProcessId>(id));
  if (!strace) return;  // its process has ended, and it with it
  (void)strace->ask_to_stop();
  (void)strace->gone(kStepDeadline);
}

bool Tracer::struck_asios_own(const std::string& call) const {
  std::ifstream lines{trace_};
  for (std::string line; std::getline(lines, line);) {
    if (line.find("(INJECTED)") == line.npos) continue;
    return is_asios_own(call, line);
  }
  return false;
}

bool Tracer::struck() const {
  const std::string text = content(trace_);
  return text.find("(INJECTED)") != text.npos ||
         text.find("killed by SIGKILL") != text.npos;
}

}  // namespace relaunch::test
