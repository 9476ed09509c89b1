#include "common/supervisor/http_probe.hpp"

#include <gtest/gtest.h>

#include "common/supervisor/probe.hpp"

namespace relaunch::test {
namespace {

using supervisor::answer_status;
using supervisor::Readiness;

TEST(HttpProbe, StatusOfAnAnswerIsRead) {
  EXPECT_EQ(answer_status("HTTP/1.1 200 OK\r\nA: b\r\n\r\n").value(), 200U);
  EXPECT_EQ(answer_status("HTTP/1.0 503\r\n\r\n").value(), 503U);
  EXPECT_EQ(answer_status("HTTP/1.1 204 \r\n\r\n").value(), 204U);
}

TEST(HttpProbe, WhatIsNoHeadIsAnError) {
  for (const char* head :
       {"", "\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1  200\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n", "SSH-2.0-server\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n"}) {
    const auto status = answer_status(head);
    ASSERT_FALSE(status) << head;
    EXPECT_EQ(status.error().code(), make_error_code(errc::unhealthy));
  }
  const std::string longest(supervisor::kMaxHeadBytes, 'x');
  EXPECT_FALSE(answer_status("HTTP/1.1 200 OK\r\nA: " + longest + "\r\n\r\n"));
}

TEST(HttpProbe, PathIsOneWord) {
  EXPECT_TRUE(supervisor::is_probe_path("/health?deep=1"));
  for (const char* path : {"", "health", "/a b", "/a\r\nX: y", "/\x7f",
                           "/gr\xc3\xbc", "http://elsewhere/"}) {
    EXPECT_FALSE(supervisor::is_probe_path(path)) << path;
  }
  EXPECT_FALSE(supervisor::is_probe_path("/" + std::string(3000, 'x')));
}

TEST(HttpProbe, TargetIsCheckedBeforeAnythingIsStarted) {
  using supervisor::check_probe_target;
  EXPECT_TRUE(check_probe_target(Readiness::http, {"/health"}));
  EXPECT_FALSE(check_probe_target(Readiness::http, {}));
  EXPECT_FALSE(check_probe_target(Readiness::http, {"/a", "/b"}));
  EXPECT_FALSE(check_probe_target(Readiness::http, {"health"}));
  EXPECT_TRUE(check_probe_target(Readiness::command, {"check", "--deep"}));
  EXPECT_FALSE(check_probe_target(Readiness::command, {}));
  EXPECT_TRUE(check_probe_target(Readiness::tcp, {}));
  EXPECT_TRUE(check_probe_target(Readiness::notify, {}));
}

}  // namespace
}  // namespace relaunch::test
