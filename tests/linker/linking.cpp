#include "linker/linking.hpp"

#include <charconv>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "common/base/text.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::seconds kDeadline{30};

std::uint16_t port_in(std::string_view line) {
  constexpr std::string_view kStart = "address=tcp://127.0.0.1:";
  const auto at = line.find(kStart);
  std::uint16_t port = 0;
  if (at == line.npos) return port;
  const auto digits = line.substr(at + kStart.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

}  // namespace

LinkedExample::LinkedExample(const std::string& greeting)
    : program_(folder_ / "hello" PROGRAM_EXTENSION) {
  choose(greeting);
  const ChildResult linked = link();
  if (!linked.status.success()) {
    throw std::runtime_error("cannot link:\n" + linked.output);
  }
}

void LinkedExample::choose(const std::string& greeting) {
  const fs::path arguments = fs::path(LINK_ARGUMENTS) / (greeting + ".rsp");
  write_file(folder_ / "link.rsp", file_content(fs::absolute(arguments)));
}

std::vector<std::string> LinkedExample::command() const {
  return {text::utf8(fs::absolute(LINKER)),
          "@" + text::utf8(folder_ / "link.rsp"), "-o", text::utf8(program_)};
}

ChildResult LinkedExample::link() const {
  os::LaunchRequest request;
  request.arguments = command();
  request.executable = text::path_from_utf8(request.arguments.front());
  request.environment = os::own_environment();
  return run_child(std::move(request), kDeadline);
}

std::uint16_t LinkedExample::start() {
  os::LaunchRequest request;
  request.executable = program_;
  request.arguments = {text::utf8(program_),
                       "--listen",
                       "tcp://127.0.0.1:0",
                       "--state-folder",
                       text::utf8(folder_ / "state"),
                       "--artifact",
                       text::utf8(program_),
                       "--probation",
                       "200",
                       "--"};
  for (auto& word : command()) request.arguments.push_back(std::move(word));
  request.folder = folder_.path();
  request.environment = os::own_environment();
  process_ = std::make_unique<ServerProcess>(std::move(request));
  return port_in(process_->wait_for_line("ready: ", kDeadline).value_or(""));
}

}  // namespace relaunch::test
