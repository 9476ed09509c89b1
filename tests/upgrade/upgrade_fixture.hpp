// What every failed upgrade must leave behind.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "support/server_under_test.hpp"

namespace relaunch::test {

/// The incumbent answers as before and nothing of the successor is left; the
/// next upgrade works.
inline void expect_untouched(ServerUnderTest& server,
                             std::uint32_t generation = 1,
                             const std::string& greeting = "one") {
  EXPECT_EQ(server.hello(), greeting) << server.process().output();
  EXPECT_TRUE(server.wait_alone(generation)) << server.process().output();
  EXPECT_EQ(server.status().phase, "idle");
}

/// One that was just started has to be committed first.
inline ServerStatus wait_idle(const ServerUnderTest& server) {
  const auto until = std::chrono::steady_clock::now() + kStepDeadline;
  ServerStatus status = server.status();
  while (status.phase != "idle" && std::chrono::steady_clock::now() < until) {
    status = server.status();
  }
  EXPECT_EQ(status.phase, "idle") << server.process().output();
  return status;
}

inline void expect_next_upgrade_works(ServerUnderTest& server,
                                      std::uint32_t serving = 1) {
  wait_idle(server);
  const UpdateAnswer answer = server.update_to({{"greeting", "the next"}});
  EXPECT_THAT(answer.outcome, testing::StartsWith("done generation="))
      << server.process().output();
  EXPECT_EQ(server.hello(), "the next");
  const std::uint32_t generation = server.status().generation;
  EXPECT_GT(generation, serving);
  EXPECT_TRUE(server.wait_alone(generation)) << server.process().output();
}

inline std::uint64_t count(const LoadReport& report, Failure kind) {
  return report.failures[static_cast<std::size_t>(kind)];
}

}  // namespace relaunch::test
