#include "demo/steps.hpp"

namespace relaunch::demo {
namespace {

// What the load takes for a right answer.
constexpr std::string_view kFirst = "hello";
constexpr std::string_view kSecond = "hello, this is new";
constexpr std::string_view kDoomed = "hello, but not for long";
constexpr std::string_view kLast = "hello, and goodbye";

constexpr std::string_view kStart = "void at_start() {}";
constexpr std::string_view kGreeting = R"(return "hello";)";
constexpr std::string_view kHealthy =
    "bool healthy(std::uint64_t) { return true; }";
constexpr std::string_view kInclude = R"(#include "greeting.hpp")";

// A request that is inside a process when it crashes is lost, and nothing can
// save it. So this one crashes by itself, a moment after an answer, when no
// request is in it: what the demo shows is that nothing else is lost.
constexpr std::string_view kCrashLater =
    R"(static int answers = 0;
  if (++answers == 20) {
    std::thread([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(8));
      std::abort();
    }).detach();
  }
  return "hello, but not for long";)";

const std::vector<Step> kSteps{
    {"A new greeting",
     "the very file that the first generation runs from is built anew",
     {{kGreeting, R"(return "hello, this is new";)"}},
     "done",
     kSecond,
     true},
    {"A source that does not compile",
     "",
     {{kGreeting, "return hello again"}},
     "failed in build",
     kSecond},
    {"A release that crashes at its start",
     "",
     {{kInclude, "#include \"greeting.hpp\"\n\n#include <cstdlib>"},
      {kStart, "void at_start() { std::abort(); }"}},
     "failed in ",
     kSecond},
    {"A release that crashes after it began to serve",
     "8 ms after its 20th answer, between two requests",
     {{kInclude,
       "#include \"greeting.hpp\"\n\n#include <chrono>\n#include <cstdlib>\n"
       "#include <thread>"},
      {kGreeting, kCrashLater}},
     "rolled back",
     kSecond},
    {"A release that turns unhealthy after it began to serve",
     "it says so after 20 answers",
     {{kGreeting, R"(return "hello, but not for long";)"},
      {kHealthy,
       "bool healthy(std::uint64_t answered) { return answered < 20; }"}},
     "rolled back",
     kSecond},
    {"A good release again",
     "the next upgrade works, whatever came before",
     {{kGreeting, R"(return "hello, and goodbye";)"}},
     "done",
     kLast,
     true}};

}  // namespace

const std::vector<Step>& steps() { return kSteps; }

bool is_greeting(std::string_view text) {
  return text == kFirst || text == kSecond || text == kDoomed || text == kLast;
}

}  // namespace relaunch::demo
