#include "running_server.hpp"

#include <charconv>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "support/http.hpp"

namespace relaunch::bench {

namespace fs = std::filesystem;
using text::cat;

namespace {

/// The number behind the last `mark`; 0: there is none.
std::int64_t number_behind(const std::vector<std::string>& lines,
                           std::string_view mark) {
  std::int64_t number = 0;
  for (const std::string& line : lines) {
    const std::size_t at = line.rfind(mark);
    if (at == line.npos) continue;
    std::from_chars(line.data() + at + mark.size(), line.data() + line.size(),
                    number);
  }
  return number;
}

}  // namespace

std::string server_program() { return text::utf8(fs::absolute(BENCH_SERVER)); }

RunningServer::RunningServer(const std::string& mode,
                             std::vector<std::string> settings) {
  os::LaunchRequest request;
  request.executable = text::path_from_utf8(server_program());
  request.arguments = {server_program(), mode};
  if (mode == "library") {
    request.arguments.push_back(cat("state=", folder_ / "state"));
    request.arguments.push_back(cat("artifact=", server_program()));
  }
  for (auto& each : settings) request.arguments.push_back(std::move(each));
  request.environment = os::own_environment();
  process_ = std::make_unique<test::ServerProcess>(std::move(request));
  if (!process_->wait_for_line("accepting", kPatience)) {
    throw std::runtime_error("no server: " + process_->output());
  }
  port_ = static_cast<std::uint16_t>(
      number_behind(process_->lines(), "tcp://127.0.0.1:"));
}

std::string RunningServer::post_upgrade() {
  const std::size_t before = process_->lines().size();
  test::HttpRequest request;
  request.method = "POST";
  request.path = "/upgrade";
  const auto answer = test::http_call(port_, request, kPatience);
  if (!process_->wait_for_line_after(before, "accepting", kPatience)) {
    throw std::runtime_error("nobody accepts: " + process_->output());
  }
  return answer ? answer->body : answer.error().text();
}

// Whoever answers may be ended before it has.
void RunningServer::restart() { post_upgrade(); }

std::map<std::string, double> RunningServer::upgrade() {
  std::istringstream answer{post_upgrade()};
  std::string word;
  answer >> word;
  if (word != "done") throw std::runtime_error(word + ' ' + answer.str());
  std::map<std::string, double> phases;
  while (answer >> word) {
    const std::size_t equals = word.find('=');
    if (equals != word.npos) {
      phases[word.substr(0, equals)] = std::stod(word.substr(equals + 1));
    }
  }
  return phases;
}

RunningServer::Gap RunningServer::gap() const {
  using Clock = std::chrono::steady_clock;
  const auto lines = process_->lines();
  const auto when = [&lines](std::string_view mark) {
    return Clock::time_point{Clock::duration{number_behind(lines, mark)}};
  };
  return {when("paused at="), when("accepting at=")};
}

}  // namespace relaunch::bench
