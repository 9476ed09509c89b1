// A client of hello that keeps its connection.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "support/http.hpp"
#include "support/server_under_test.hpp"

namespace relaunch::test {

class KeptClient {
 public:
  /// It has had its first answer, `greeting`. Throws Error.
  explicit KeptClient(ServerUnderTest& server,
                      const std::string& greeting = "one")
      : connection_(
            HttpConnection::open(server.port(), kStepDeadline).value()) {
    request_.path = "/hello";
    request_.keep_alive = true;
    const HttpAnswer answer = ask();
    EXPECT_EQ(answer.body, greeting + '\n');
    EXPECT_TRUE(answer.keep_alive);
  }

  /// Throws Error.
  HttpAnswer ask() {
    connection_.send(request_, kStepDeadline).value();
    return connection_.receive(kStepDeadline).value();
  }
  /// "the end" if no answer comes.
  std::string hear() {
    if (!connection_.send(request_, kStepDeadline)) return "the end";
    const auto answer = connection_.receive(kStepDeadline);
    return answer ? answer->body : "the end";
  }
  bool wait_closed() {
    return connection_.wait_closed(kStepDeadline).has_value();
  }

 private:
  HttpRequest request_;
  HttpConnection connection_;
};

}  // namespace relaunch::test
