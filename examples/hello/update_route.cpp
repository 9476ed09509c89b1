#include "update_route.hpp"

#include <utility>

#include "text.hpp"

namespace hello {
namespace {

std::string words(std::string_view name) {
  std::string out(name);
  for (char& letter : out) {
    if (letter == '_') letter = ' ';
  }
  return out;
}

std::string who_serves(const relaunch::Outcome& outcome) {
  return "generation=" + std::to_string(outcome.serving_generation) +
         " pid=" + std::to_string(outcome.serving_pid);
}

std::string took(const relaunch::Outcome& outcome) {
  std::string out;
  for (const auto& [phase, at] : outcome.phases) {
    out += out.empty() ? " began_us=" : ",";
    out += to_string(phase);
    out += ':' + std::to_string(at.count());
  }
  return out;
}

}  // namespace

std::optional<relaunch::UpgradeRequest> parse_update_query(
    std::string_view query) {
  relaunch::UpgradeRequest request;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto item = query.substr(0, end);
    query = end == query.npos ? "" : query.substr(end + 1);
    const auto equals = item.find('=');
    const auto name = item.substr(0, equals);
    const auto value = equals == item.npos ? "1" : item.substr(equals + 1);
    if (value != "0" && value != "1") return std::nullopt;
    if (name == "force") {
      request.force = value == "1";
    } else if (name == "end-probation") {
      request.end_probation = value == "1";
    } else if (name == "skip-build") {
      request.skip_build = value == "1";
    } else {
      return std::nullopt;
    }
  }
  return request;
}

std::string outcome_line(const relaunch::Outcome& outcome) {
  using Result = relaunch::Outcome::Result;
  std::string line = "outcome: " + words(to_string(outcome.result));
  if (outcome.ok()) {
    line += ' ' + who_serves(outcome);
    if (!outcome.release.empty()) line += " release=" + outcome.release;
    return line + took(outcome);
  }
  if (outcome.result != Result::refused) {
    line += " in " + words(to_string(outcome.phase));
  }
  line += ": " + printable(outcome.reason);
  return line + "; " + who_serves(outcome) + " serves" + took(outcome);
}

void UpdateFeed::add_line(std::string_view line) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + line.size() > kMaxWaiting) {
      ++left_out_;
      return;
    }
    waiting_ += printable(line);
    waiting_ += '\n';
  }
  wake_();
}

void UpdateFeed::end(const relaunch::Outcome& outcome) {
  {
    const std::lock_guard lock(mutex_);
    if (left_out_ != 0) {
      waiting_ += "(" + std::to_string(left_out_) +
                  " lines were left out: they were not read in time)\n";
    }
    waiting_ += outcome_line(outcome);
    waiting_ += '\n';
    result_ = outcome.result;
  }
  wake_();
}

bool UpdateFeed::refused() {
  const std::lock_guard lock(mutex_);
  return result_ == relaunch::Outcome::Result::refused;
}

UpdateFeed::News UpdateFeed::take() {
  const std::lock_guard lock(mutex_);
  return {std::exchange(waiting_, {}), result_};
}

}  // namespace hello
