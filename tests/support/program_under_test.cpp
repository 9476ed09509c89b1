#include "support/program_under_test.hpp"

#include <charconv>
#include <string>
#include <vector>

#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "common/os/system.hpp"

namespace relaunch::test {

namespace fs = std::filesystem;

ProgramUnderTest::ProgramUnderTest(const fs::path& program, bool supervised,
                                   const std::vector<std::string>& more)
    : supervised_(supervised) {
  const fs::path artifact =
      folder_ / ("artifact" + text::utf8(program.extension()));
  fs::copy_file(program, artifact);
  os::LaunchRequest request;
  request.folder = folder_.path();
  request.environment = os::own_environment();
  request.executable = fs::absolute(program);
  std::vector<std::string> settings{"state=" + text::utf8(folder_ / "state"),
                                    "artifact=" + text::utf8(artifact),
                                    "listen=tcp://127.0.0.1:0",
                                    "probation=10",
                                    "health_interval=5",
                                    "hello=20000",
                                    "ready=20000",
                                    "drain=20000"};
  settings.insert(settings.end(), more.begin(), more.end());
  if (supervised) {
    request.executable = fs::absolute(fs::path{TEST_SUPERVISOR});
    request.arguments = {text::utf8(request.executable)};
    request.arguments.insert(request.arguments.end(), settings.begin(),
                             settings.end());
    request.arguments.emplace_back("--");
  }
  request.arguments.push_back(text::utf8(fs::absolute(program)));
  request.arguments.insert(request.arguments.end(), settings.begin(),
                           settings.end());
  process_ = std::make_unique<ServerProcess>(request);
  if (supervised) process_->expect_supervisor();
}

std::string ProgramUnderTest::address_in(std::string_view part) const {
  const auto line = process_->wait_for_line(part, kStep).value_or("");
  return line.substr(line.rfind(' ') + 1);
}

std::uint16_t ProgramUnderTest::port_in(std::string_view part) const {
  const std::string line = process_->wait_for_line(part, kStep).value_or("");
  std::uint16_t port = 0;
  const char* const end = line.data() + line.size();
  std::from_chars(line.data() + line.rfind(':') + 1, end, port);
  return port;
}

bool ProgramUnderTest::wait_committed(int generation) const {
  if (generation == 1 && !supervised_) return true;
  return process_
      ->wait_for_line(text::cat("committed: generation=", generation), kStep)
      .has_value();
}

bool ProgramUnderTest::wait_alone() const {
  const auto all = process_->processes();
  return !all.empty() && process_->wait_alone(all.back(), kStep);
}

}  // namespace relaunch::test
