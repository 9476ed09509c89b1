// A server below a supervisor, which can be asked by its endpoint.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

#include "common/control/client.hpp"
#include "common/os/endpoint.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {

inline ServerSetup supervised(ServerSetup setup = {}) {
  setup.supervised = true;
  return setup;
}

inline Result<control::Answer> ask(const ServerUnderTest& server,
                                   const control::Request& request) {
  return control::call(os::endpoint_address(server.path("run")), request,
                       kStepDeadline);
}

inline Result<control::Answer> ask(const ServerUnderTest& server,
                                   control::Verb verb) {
  control::Request request;
  request.verb = verb;
  return ask(server, request);
}

/// What `relaunch status` says.
inline boost::json::object supervisor_status(const ServerUnderTest& server) {
  const auto answer = ask(server, control::Verb::status);
  if (!answer) return {{"error", answer.error().text()}};
  return boost::json::parse(answer->text).as_object();
}

/// Upgrades by the endpoint, to what is built now.
inline Outcome upgrade(const ServerUnderTest& server,
                       control::UpgradeOrder order = {}) {
  control::Request request;
  request.verb = control::Verb::upgrade;
  request.order = std::move(order);
  const auto answer = ask(server, request);
  if (!answer) {
    Outcome none;
    none.reason = answer.error().text();
    return none;
  }
  return answer->outcome;
}

}  // namespace relaunch::test
