// relaunch-sweep --record         prints each point of one good upgrade
// relaunch-sweep POINT            tries one: "ok", "missed", or "violated" and
//                                 why; exit code 1 if something was violated
#include <cstdio>
#include <exception>
#include <string>

#include "sweep/trial.hpp"

namespace {

using namespace relaunch::test;

int record() {
  for (const std::string role : kRoles) {
    for (const Point& point : points_of(role, record_upgrade(role))) {
      std::puts(point.text().c_str());
    }
  }
  return 0;
}

int attempt(const Point& point) {
  const Verdict verdict = try_point(point);
  if (verdict.violations.empty()) {
    std::printf("%s %s\n", verdict.reached ? "ok" : "missed",
                point.text().c_str());
    return 0;
  }
  std::string why;
  for (const auto& each : verdict.violations) why += "; " + each;
  std::printf("violated %s%s\n", point.text().c_str(), why.c_str());
  std::fputs(verdict.output.c_str(), stderr);
  return 1;
}

}  // namespace

int main(int count, char** words) {
  const std::string word = count == 2 ? words[1] : "";
  try {
    if (word == "--record") return record();
    if (const auto point = parse_point(word)) return attempt(*point);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "relaunch-sweep: %s: %s\n", word.c_str(),
                 failure.what());
    return 70;
  }
  std::fputs("usage: relaunch-sweep --record | ROLE:CALL:NUMBER:ACTION\n",
             stderr);
  return 64;
}
