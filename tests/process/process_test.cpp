#include "common/os/process.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "common/os/stop_request.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

// Lives until it is ended, or for so long that the test has failed already.
int live_on() {
  boost::asio::io_context io;
  wait_until(
      io, [] { return false; }, 3 * kPatience);
  return 1;
}

RELAUNCH_CHILD_MAIN(lives_on) { return live_on(); }

RELAUNCH_CHILD_MAIN(ends) { return 0; }

TEST(Process, KilledProcessIsGoneAndItsStatusSaysSo) {
  auto process = os::launch(child_request("lives_on")).value();
  EXPECT_FALSE(process.gone());
  EXPECT_TRUE(process.kill());
  ASSERT_TRUE(wait_for_end(process));
  EXPECT_TRUE(process.gone());
  EXPECT_EQ(process.exit_status().text(), killed_text());
}

TEST(Process, AskingOrKillingOneThatHasEndedIsNoError) {
  auto process = os::launch(child_request("ends")).value();
  ASSERT_TRUE(wait_for_end(process));
  EXPECT_TRUE(process.ask_to_stop());
  EXPECT_TRUE(process.kill());
  EXPECT_TRUE(process.exit_status().success());
  EXPECT_TRUE(process.ask_to_stop());
  EXPECT_TRUE(process.kill());
}

// A captured child whose output is read line by line.
class Talker {
 public:
  explicit Talker(os::LaunchRequest request)
      : pipe_(os::OutputPipe::open(io_).value()) {
    request.output = pipe_.child_end();
    process_ = os::launch(request).value();
    pipe_.close_child_end();
    pipe_.start([this](std::string_view bytes) {
      output_ += bytes;
      if (bytes.empty()) closed_ = true;
    });
  }

  os::Process& process() { return process_; }
  bool hears(std::string_view word, int times = 1) {
    return wait_until(io_, [&] {
      int found = 0;
      for (std::size_t at = output_.find(word); at != std::string::npos;
           at = output_.find(word, at + 1)) {
        ++found;
      }
      return found >= times;
    });
  }
  // All holders of the other end have closed it.
  bool hears_the_end() {
    return wait_until(io_, [this] { return closed_; });
  }

 private:
  boost::asio::io_context io_;
  os::OutputPipe pipe_;
  os::Process process_;
  KilledAtEnd killed_{process_};
  std::string output_;
  bool closed_ = false;
};

RELAUNCH_CHILD_MAIN(grows_a_tree) {
  const int depth = static_cast<int>(args.size());
  leave_process_group();
  for (int i = 0; i < 2 && depth > 0; ++i) {
    os::launch(child_request("grows_a_tree", {args.begin() + 1, args.end()}))
        .value();
  }
  say("up");
  return live_on();
}

TEST(Process, KillTreeEndsDescendantsInGroupsOfTheirOwn) {
  auto request = child_request("grows_a_tree", {"x", "x"});
  request.own_tree = true;
  Talker root{std::move(request)};
  ASSERT_TRUE(root.hears("up", 7));

  EXPECT_TRUE(root.process().kill_tree());

  // Each of the seven holds the stream open as long as it lives.
  EXPECT_TRUE(root.hears_the_end());
  EXPECT_TRUE(wait_for_end(root.process()));
}

RELAUNCH_CHILD_MAIN(leaves_a_child) {
  os::launch(child_request("grows_a_tree")).value();
  return 0;
}

TEST(Process, KillTreeEndsDescendantsOfOneThatHasEnded) {
  auto request = child_request("leaves_a_child");
  request.own_tree = true;
  Talker root{std::move(request)};
  ASSERT_TRUE(root.hears("up"));
  ASSERT_TRUE(wait_for_end(root.process()));

  EXPECT_TRUE(root.process().kill_tree());

  EXPECT_TRUE(root.hears_the_end());
}

TEST(Process, KillTreeLeavesOtherProcessesAlone) {
  Talker other{child_request("grows_a_tree")};
  auto request = child_request("grows_a_tree");
  request.own_tree = true;
  Talker root{std::move(request)};
  ASSERT_TRUE(root.hears("up"));
  ASSERT_TRUE(other.hears("up"));

  EXPECT_TRUE(root.process().kill_tree());

  EXPECT_TRUE(root.hears_the_end());
  EXPECT_FALSE(other.process().gone());
}

RELAUNCH_CHILD_MAIN(counts_stop_requests) {
  boost::asio::io_context io;
  int asked = 0;
  const auto stop = os::StopRequests::watch(io, [&] {
                      ++asked;
                      say("asked");
                    }).value();
  say("up");
  return wait_until(io, [&] { return asked == 2; }) ? 42 : 1;
}

TEST(Process, AskToStopReachesStopRequestsEachTime) {
  Talker child{child_request("counts_stop_requests")};
  ASSERT_TRUE(child.hears("up"));
  EXPECT_TRUE(child.process().ask_to_stop());
  ASSERT_TRUE(child.hears("asked"));
  EXPECT_TRUE(child.process().ask_to_stop());
  ASSERT_TRUE(wait_for_end(child.process()));
  EXPECT_EQ(child.process().exit_status().text(), "exit code 42");
}

TEST(Process, AskToStopReachesChildOfOneThatBlocksIt) {
  std::optional<Talker> child;
  {
    const StopBlocked blocked;
    child.emplace(child_request("counts_stop_requests"));
  }
  ASSERT_TRUE(child->hears("up"));
  EXPECT_TRUE(child->process().ask_to_stop());
  EXPECT_TRUE(child->hears("asked"));
}

TEST(ProcessWatch, CallsOnceWhenTheProcessEnds) {
  boost::asio::io_context io;
  auto process = os::launch(child_request("lives_on")).value();
  const KilledAtEnd killed{process};
  int calls = 0;
  const auto watch =
      os::ProcessWatch::start(io, process, [&] { ++calls; }).value();
  run_ready(io);
  EXPECT_EQ(calls, 0);
  ASSERT_TRUE(process.kill());
  EXPECT_TRUE(wait_until(io, [&] { return calls > 0; }));
  EXPECT_TRUE(process.gone());
  run_ready(io);
  EXPECT_EQ(calls, 1);
}

TEST(ProcessWatch, CallsForOneThatHadEndedBeforeAndMayBeDestroyedInTheCall) {
  auto process = os::launch(child_request("ends")).value();
  ASSERT_TRUE(wait_for_end(process));
  process.exit_status();
  boost::asio::io_context io;
  bool called = false;
  std::optional<os::ProcessWatch> watch;
  watch.emplace(os::ProcessWatch::start(io, process, [&] {
                  watch.reset();
                  called = true;
                }).value());
  EXPECT_TRUE(wait_until(io, [&] { return called; }));
}

TEST(ProcessWatch, DestroyedOneCallsNobody) {
  boost::asio::io_context io;
  auto process = os::launch(child_request("lives_on")).value();
  const KilledAtEnd killed{process};
  bool wrong = false;
  bool right = false;
  auto dropped = std::make_optional(
      os::ProcessWatch::start(io, process, [&] { wrong = true; }).value());
  auto replaced =
      os::ProcessWatch::start(io, process, [&] { wrong = true; }).value();
  run_ready(io);
  dropped.reset();
  replaced =
      os::ProcessWatch::start(io, process, [&] { right = true; }).value();
  ASSERT_TRUE(process.kill());
  EXPECT_TRUE(wait_until(io, [&] { return right; }));
  run_ready(io);
  EXPECT_FALSE(wrong);
}

RELAUNCH_CHILD_MAIN(gives_own_handle) {
  boost::asio::io_context io;
  os::Handle end = inherited_channel_end();
  const auto maker = os::open_process(os::channel_maker(end.get()).value());
  const auto self = os::own_process_handle().value();
  os::Channel channel{io, std::move(end)};
  channel.set_receiver(*maker);
  channel.send({"me", {}, {}, 0}, {os::SendHandle{self.get()}},
               [](std::optional<Error> failure) {
                 if (failure) say(failure->text());
               });
  wait_until(
      io, [] { return false; }, 3 * kPatience);
  return 1;
}

TEST(Process, OwnHandleLetsItsReceiverWaitAndKill) {
  boost::asio::io_context io;
  auto child = start_linked(io, child_request("gives_own_handle"));
  const KilledAtEnd killed{child.process};
  std::optional<os::Process> received;
  child.channel.start(
      [&](os::Received message) {
        ASSERT_EQ(message.handles.size(), 1u);
        auto* handle = std::get_if<os::Handle>(&message.handles.front());
        ASSERT_TRUE(handle);
        received.emplace(std::move(*handle), child.process.id());
      },
      [](Error failure) { ADD_FAILURE() << failure.text(); });
  ASSERT_TRUE(wait_until(io, [&] { return received.has_value(); }));

  EXPECT_FALSE(received->gone());
  EXPECT_TRUE(received->kill());
  EXPECT_TRUE(wait_for_end(*received));
  EXPECT_TRUE(child.process.gone());
}

TEST(Process, OpenedByNumberIsTheSameProcess) {
  auto process = os::launch(child_request("lives_on")).value();
  const KilledAtEnd killed{process};
  const auto same = os::open_process(process.id()).value();
  EXPECT_EQ(same.id(), process.id());
  EXPECT_FALSE(same.gone());
  EXPECT_TRUE(same.kill());
  EXPECT_TRUE(wait_for_end(process));
  EXPECT_TRUE(same.gone());
}

}  // namespace
}  // namespace relaunch::test
