// Where a program cannot replace itself it says so, and goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "relaunch/upgrader.hpp"
#include "support/child.hpp"
#include "support/irreplaceable.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;

// args: the state folder, the file for the answer.
RELAUNCH_CHILD_MAIN(asks_for_an_upgrade) {
  live_as_irreplaceable([&] {
    Options options;
    options.name = "test";
    options.artifact = os::running_executable().value();
    options.state_folder = text::path_from_utf8(args.at(0));
    Upgrader upgrader{options};
    upgrader.ready();
    std::promise<Outcome> ended;
    upgrader.upgrade({.force = true}, {},
                     [&](const Outcome& outcome) { ended.set_value(outcome); });
    const Outcome outcome = ended.get_future().get();
    os::write_durably(text::path_from_utf8(args.at(1)),
                      text::cat(to_string(outcome.result), ": ",
                                outcome.code.message(), ": ", outcome.reason))
        .value();
  });
  return 0;
}

TEST(Refusal, UpgradeOfAProcessThatMustStayNamesTheWayOut) {
  ScratchFolder scratch;
  const auto answer = scratch / "answer";
  const auto request =
      child_request("asks_for_an_upgrade",
                    {text::utf8(scratch / "state"), text::utf8(answer)});
  if (!run_irreplaceable(request)) {
    GTEST_SKIP() << "this user may not make such a process here";
  }
  const std::string text = os::read_file(answer, 4096).value();
  EXPECT_TRUE(text.starts_with("refused: ")) << text;
  EXPECT_NE(text.find(make_error_code(errc::not_permitted).message()),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("relaunch run"), std::string::npos) << text;
}

std::string refusal(const std::function<void(Options&)>& change) {
  ScratchFolder scratch;
  Options options;
  options.name = "test";
  options.state_folder = scratch / "state";
  change(options);
  try {
    Upgrader{options};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), errc::invalid_argument);
    return error.text();
  }
  return "none";
}

TEST(Refusal, OptionThatCannotBeMeantIsNamed) {
  using ms = std::chrono::milliseconds;
  EXPECT_EQ(refusal([](Options&) {}), "none");
  EXPECT_THAT(refusal([](Options& o) { o.deadlines.drain = ms{0}; }),
              HasSubstr("longer than zero"));
  EXPECT_THAT(refusal([](Options& o) { o.deadlines.drain = ms::max(); }),
              HasSubstr("a year long at most"));
  EXPECT_THAT(refusal([](Options& o) { o.max_draining = 0; }),
              HasSubstr("max_draining is 0"));
  EXPECT_THAT(refusal([](Options& o) { o.max_draining = 65; }),
              HasSubstr("max_draining is 65"));
}

TEST(Refusal, FunctionThatIsNoneIsNamed) {
  ScratchFolder scratch;
  Options options;
  options.name = "test";
  options.state_folder = scratch / "state";
  Upgrader upgrader{options};
  EXPECT_THROW(upgrader.on_connection("chat", {}), Error);
  EXPECT_THROW(upgrader.provide_state("cache", {}), Error);
  EXPECT_THROW(upgrader.on_state_delta("cache", {}, {}), Error);
}

}  // namespace
}  // namespace relaunch::test
