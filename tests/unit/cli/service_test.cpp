#include "cli/service.hpp"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "common/base/text.hpp"
#include "unit/cli/reading.hpp"

namespace relaunch::cli {
namespace {

using Action = ServiceRequest::Action;
using test::end_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Attempt<ServiceRequest> ask(const std::vector<std::string>& words,
                            std::vector<std::string> environment = {}) {
  return read_service_request(words,
                              {test::root() / "work", std::move(environment),
                               [](const std::filesystem::path&) {
                                 return Result<std::string>{"name = filed"};
                               }},
                              test::places());
}

TEST(ServiceVerb, InstallsTheWordsOfRunAsTheyAre) {
  const auto request =
      ask({"install", "--name", "shop", "--listen", "http=tcp://127.0.0.1:0",
           "--", "shop server.exe", "--service"});
  ASSERT_TRUE(request) << request.error().line;
  EXPECT_EQ(request->action, Action::install);
  EXPECT_EQ(request->name, "shop");
  const auto service =
      definition_of(*request, "C:\\Program Files\\relaunch.exe", "C:\\work");
  EXPECT_EQ(service.name, "shop");
  EXPECT_THAT(service.command,
              ElementsAre("C:\\Program Files\\relaunch.exe", "service", "host",
                          "shop", "C:\\work", "run", "--name", "shop",
                          "--listen", "http=tcp://127.0.0.1:0", "--",
                          "shop server.exe", "--service"));
  EXPECT_FALSE(service.restart_delays.empty());
}

TEST(ServiceVerb, IsCalledAsTheInstance) {
  EXPECT_EQ(ask({"install", "--", "folder/greeter.exe"})->name, "greeter");
}

TEST(ServiceVerb, WhatRunWouldRefuseIsNotInstalled) {
  EXPECT_THAT(end_of(ask({"install"})), StartsWith("64: "));
  EXPECT_THAT(end_of(ask({"install", "--listne", "x", "--", "p"})),
              StartsWith("64: "));
  EXPECT_THAT(end_of(ask({"install", "--grace", "5x", "--", "p"})),
              HasSubstr("--grace '5x'"));
}

TEST(ServiceVerb, ThisShellsVariablesAreNotTheServices) {
  EXPECT_EQ(ask({"install", "--", "greeter"}, {"RELAUNCH_NAME=other"})->name,
            "greeter");
  EXPECT_EQ(ask({"stop"}, {"RELAUNCH_NAME=other"})->name, "other");
}

TEST(ServiceVerb, TheOthersTakeANameAndNothingElse) {
  EXPECT_EQ(ask({"start", "--name", "shop"})->action, Action::start);
  EXPECT_EQ(ask({"stop", "--name", "shop"})->action, Action::stop);
  EXPECT_EQ(ask({"uninstall", "--name=shop"})->action, Action::uninstall);
  EXPECT_TRUE(ask({"status", "--name", "shop", "--json"})->json);
  EXPECT_THAT(end_of(ask({"stop"})), HasSubstr("--name is missing"));
  EXPECT_THAT(end_of(ask({"stop", "--name", "shop", "now"})),
              StartsWith("64: "));
  EXPECT_THAT(end_of(ask({"stop", "--json", "--name", "shop"})),
              StartsWith("64: "));
}

TEST(ServiceVerb, UnknownActionIsNamed) {
  EXPECT_EQ(end_of(ask({})),
            "64: cannot do anything: no action is given; try relaunch service "
            "--help");
  EXPECT_EQ(end_of(ask({"pause"})),
            "64: cannot understand 'pause': there is no such action; try "
            "relaunch service --help");
}

TEST(ServiceVerb, StatusIsTextOrOneJsonObject) {
  ServiceRequest request;
  request.name = "shop";
  const os::ServiceStatus status{os::ServiceState::running, 12, 0,
                                 "\"C:\\x.exe\" service"};
  EXPECT_EQ(render_service(request, status),
            "service: shop\nstate: running\npid: 12\nexit code: 0\n"
            "command: \"C:\\x.exe\" service\n");
  request.json = true;
  const auto json = boost::json::parse(render_service(request, status));
  EXPECT_EQ(json.at("schema").as_int64(), 1);
  EXPECT_EQ(json.at("state").as_string(), "running");
  EXPECT_EQ(json.at("pid").as_int64(), 12);
}

TEST(ServiceVerb, OtherWordsAreNotHidden) {
  const std::vector<std::string> words{"service", "host"};
  EXPECT_FALSE(run_hidden_verb(words));
  EXPECT_FALSE(run_hidden_verb(std::vector<std::string>{"run"}));
  EXPECT_FALSE(run_hidden_verb({}));
}

}  // namespace
}  // namespace relaunch::cli
