// The first generation runs from the file that the linker writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "linker/linking.hpp"
#include "support/http.hpp"
#include "support/load_client.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::chrono::milliseconds kDeadline{30'000};

std::string call(std::uint16_t port, const char* method, const char* path) {
  HttpRequest request;
  request.method = method;
  request.path = path;
  const auto answer = http_call(port, request, kDeadline);
  return answer ? answer->body : "error: " + answer.error().text();
}

TEST(RealLinker, WritesTheFileThatTheFirstGenerationRunsFrom) {
  LinkedExample example("one");
  const std::uint16_t port = example.start();
  ASSERT_NE(port, 0) << example.process().output();
  EXPECT_THAT(call(port, "GET", "/hello"), StartsWith("one"));
  LoadPlan plan;
  plan.port = port;
  LoadClient load(plan);
  for (const auto& [greeting, outcome] :
       {std::pair{"two", "outcome: done generation=2"},
        std::pair{"one", "outcome: done generation=3"}}) {
    const auto incumbent = example.process().living().back();
    example.choose(greeting);
    EXPECT_THAT(call(port, "POST", "/update"), HasSubstr(outcome))
        << example.process().output();
    EXPECT_THAT(call(port, "GET", "/hello"), StartsWith(greeting));
    EXPECT_TRUE(example.process().wait_gone(incumbent, kDeadline));
  }
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
}

}  // namespace
}  // namespace relaunch::test
