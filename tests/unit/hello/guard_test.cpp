#include "guard.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hello {
namespace {

UpdateAttempt from_curl() {
  UpdateAttempt attempt;
  attempt.method = "POST";
  attempt.host = "127.0.0.1:8080";
  attempt.peer_is_loopback = true;
  return attempt;
}

unsigned status_for(const UpdateAttempt& attempt, std::string_view token = "") {
  const auto refusal = refuse_update(attempt, token);
  return refusal ? refusal->status : 200;
}

TEST(UpdateGuard, LetsThisMachineAskWithoutAToken) {
  EXPECT_EQ(status_for(from_curl()), 200u);
}

TEST(UpdateGuard, NothingButAPostStartsAnUpdate) {
  for (const char* method : {"GET", "HEAD", "PUT", "post", "OPTIONS", ""}) {
    auto attempt = from_curl();
    attempt.method = method;
    attempt.authorization = "Bearer secret";
    EXPECT_EQ(status_for(attempt), 405u) << method;
    EXPECT_EQ(status_for(attempt, "secret"), 405u) << method;
  }
}

TEST(UpdateGuard, RefusesAnotherMachineWithoutAToken) {
  auto attempt = from_curl();
  attempt.peer_is_loopback = false;
  EXPECT_EQ(status_for(attempt), 403u);
}

TEST(UpdateGuard, RefusesAWebPageThatPostsToThisMachine) {
  for (const char* origin :
       {"http://evil.example", "null", "", "http://127.0.0.1:8080"}) {
    auto attempt = from_curl();
    attempt.origin = origin;
    EXPECT_EQ(status_for(attempt), 403u) << origin;
  }
}

TEST(UpdateGuard, RefusesANameThatWasMadeToResolveToThisMachine) {
  for (const char* host :
       {"evil.example", "evil.example:8080", "localhost.evil.example",
        "127.0.0.1.evil.example", "127.0.0.1:8080.evil", "127.0.0.1:", "",
        "127.0.0.1:123456", "[::1", "localhost:80@evil", "127.0.0.10"}) {
    auto attempt = from_curl();
    attempt.host = host;
    EXPECT_EQ(status_for(attempt), 403u) << host;
  }
  auto attempt = from_curl();
  attempt.host.reset();
  EXPECT_EQ(status_for(attempt), 403u);
}

TEST(UpdateGuard, KnowsEveryNameOfThisMachine) {
  for (const char* host : {"127.0.0.1", "127.0.0.1:1", "localhost",
                           "LocalHost:65535", "[::1]", "[::1]:8080"}) {
    auto attempt = from_curl();
    attempt.host = host;
    EXPECT_EQ(status_for(attempt), 200u) << host;
  }
}

TEST(UpdateGuard, WithATokenNothingElseCounts) {
  UpdateAttempt attempt;
  attempt.method = "POST";
  attempt.host = "www.example";
  attempt.authorization = "Bearer secret";
  EXPECT_EQ(status_for(attempt, "secret"), 200u);
  attempt.authorization = "bearer secret";
  EXPECT_EQ(status_for(attempt, "secret"), 200u);
}

TEST(UpdateGuard, WithATokenThisMachineNeedsItToo) {
  EXPECT_EQ(status_for(from_curl(), "secret"), 401u);
}

TEST(UpdateGuard, RefusesAnyOtherAuthorization) {
  for (const char* authorization :
       {"", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets",
        "Bearer  secret", "Bearer Secret", "Bearer secret ", "Basic secret",
        "secret", "Bearersecret"}) {
    auto attempt = from_curl();
    attempt.authorization = authorization;
    EXPECT_EQ(status_for(attempt, "secret"), 401u) << authorization;
  }
}

}  // namespace
}  // namespace hello
