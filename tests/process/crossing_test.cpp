// Both ends of the link on which state and files cross, each against a peer
// that keeps the rules, and one that does not.
#include "common/handover/crossing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <future>
#include <optional>
#include <thread>

#include "common/os/files.hpp"
#include "common/os/shared_memory.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/open_files.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using handover::Crossing;
using handover::PeerLink;
using testing::HasSubstr;

std::shared_ptr<os::Process> this_process() {
  return std::make_shared<os::Process>(
      os::open_process(os::own_process_id()).value());
}

StateWish wish() {
  StateWish wish;
  wish.schema = {"rows", 3};
  return wish;
}

StateOffer offer(const std::string& bytes) {
  StateOffer offer;
  offer.schema = {"rows", 3};
  offer.write = [bytes](StateWriter& out) { out.write(bytes); };
  return offer;
}

class CrossingTest : public ::testing::Test {
 protected:
  static Crossing::Call call_here() {
    return [](const char*, const std::function<void()>& work,
              const Crossing::Done& done) {
      work();
      done();
    };
  }

  /// Blocks a thread of its own, while this one plays the library's.
  template <typename Pull>
  auto pulled(Pull pull) -> decltype(pull()) {
    const auto work = boost::asio::make_work_guard(context_.io);
    std::optional<decltype(pull())> result;
    bool done = false;
    std::thread asking{[&] {
      result.emplace(pull());
      boost::asio::post(context_.io, [&] { done = true; });
    }};
    EXPECT_TRUE(wait_until(context_.io, [&] { return done; }));
    asking.join();
    return std::move(*result);
  }
  Result<State> pull_state(const StateWish& wanted = wish()) {
    return pulled([&] { return successor_->pull_state("cache", wanted); });
  }

  upgrade::Context context_;
  os::ChannelPair link_ = os::make_channel_pair().value();
  std::unique_ptr<Crossing> incumbent_ =
      std::make_unique<Crossing>(context_, call_here());
  std::unique_ptr<Crossing> successor_ =
      std::make_unique<Crossing>(context_, call_here());
};

class CrossingPair : public CrossingTest {
 protected:
  CrossingPair() {
    incumbent_->give_to(std::move(link_.ours), this_process());
    successor_->take_from(std::move(link_.theirs), this_process());
  }
};

TEST_F(CrossingPair, GivesWhatIsAskedForAndNothingElse) {
  ASSERT_TRUE(incumbent_->provisions().add_state("cache", offer("the rows")));
  const auto state = pull_state();
  ASSERT_TRUE(state) << state.error().text();
  EXPECT_EQ(state->bytes(), "the rows");
  const auto file = pulled([&] {
    return successor_->pull_file("cache", FileKind::file, FileAccess::read);
  });
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().text(),
              HasSubstr("no file 'cache', but a state of that name"));
  // Neither was a reason to break the link.
  EXPECT_TRUE(pull_state());
}

TEST_F(CrossingPair, FileIsTheSameOpenFile) {
  const ScratchFolder scratch;
  {
    const auto log = open_for_appending(scratch / "log");
    ASSERT_TRUE(incumbent_->provisions().add_file("log", log.get()));
  }
  auto file = pulled([&] {
    return successor_->pull_file("log", FileKind::file, FileAccess::write);
  });
  ASSERT_TRUE(file) << file.error().text();
  EXPECT_EQ(file->access(), FileAccess::write);
  EXPECT_TRUE(write_bytes(file->handle(), "line\n"));
  const auto pipe = pulled([&] {
    return successor_->pull_file("log", FileKind::pipe, FileAccess::write);
  });
  ASSERT_FALSE(pipe);
  EXPECT_THAT(pipe.error().text(), HasSubstr("it is a file"));
}

TEST_F(CrossingPair, PipeCrossesWithWhatIsInIt) {
  auto pipe = make_one_way_pipe();
  ASSERT_TRUE(write_bytes(pipe.writes.get(), "left in it"));
  ASSERT_TRUE(incumbent_->provisions().add_file("jobs", pipe.reads.get()));
  pipe.reads.reset();
  auto file = pulled([&] {
    return successor_->pull_file("jobs", FileKind::pipe, FileAccess::read);
  });
  ASSERT_TRUE(file) << file.error().text();
  EXPECT_EQ(os::read_some(file->handle(), 100).value(), "left in it");
}

TEST_F(CrossingPair, WhoWaitsIsToldWhenTheIncumbentEnds) {
  StateOffer endless = offer("");
  endless.own_thread = true;
  endless.write = [this](StateWriter& out) {
    boost::asio::post(context_.io, [this] { incumbent_.reset(); });
    // Until it is told that nobody waits, or the limit.
    for (;;) out.write(std::string(1'000, '.'));
  };
  ASSERT_TRUE(incumbent_->provisions().add_state("cache", endless));
  const auto state = pull_state();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code(), errc::channel_lost);
}

TEST_F(CrossingPair, NobodyIsAskedByOneThatLeaves) {
  ASSERT_TRUE(incumbent_->provisions().add_state("cache", offer("x")));
  successor_->leave();
  const auto state = pull_state();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code(), errc::handover_refused);
}

TEST_F(CrossingTest, OfAGenerationThatSucceedsNobodyThereIsNothing) {
  const auto state = pull_state();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code(), errc::stopped);
}

TEST_F(CrossingPair, ChangeIsMergedOnlyByOneThatStays) {
  std::deque<std::string> merged;
  StateWish wanted = wish();
  ASSERT_TRUE(successor_->add_delta("cache", wanted, [&](const State& delta) {
    merged.emplace_back(delta.bytes());
  }));
  EXPECT_FALSE(successor_->add_delta("cache", wanted, [](const State&) {}));
  const auto give = incumbent_->make_give_delta();
  std::deque<std::optional<Error>> ends;
  const auto on_end = [&](std::optional<Error> error) {
    ends.push_back(std::move(error));
  };
  give("cache", offer("early"), on_end);
  ASSERT_TRUE(wait_until(context_.io, [&] { return ends.size() == 1; }));
  ASSERT_TRUE(ends[0]);
  EXPECT_THAT(ends[0]->text(), HasSubstr("the successor does not stay"));
  successor_->stay();
  give("cache", offer("first"), on_end);
  give("cache", offer("second"), on_end);
  give("other", offer("x"), on_end);
  ASSERT_TRUE(wait_until(context_.io, [&] { return ends.size() == 4; }));
  EXPECT_EQ(merged, (std::deque<std::string>{"first", "second"}));
  EXPECT_FALSE(ends[1]);
  EXPECT_FALSE(ends[2]);
  EXPECT_THAT(ends[3]->text(), HasSubstr("nobody takes 'other'"));
}

TEST_F(CrossingPair, ChangeThatCannotBeMergedIsTold) {
  ASSERT_TRUE(successor_->add_delta("cache", wish(), [](const State&) {}));
  successor_->stay();
  StateOffer newer = offer("x");
  newer.schema.version = 4;
  std::optional<Error> end;
  incumbent_->make_give_delta()(
      "cache", newer, [&](std::optional<Error> error) { end = error; });
  ASSERT_TRUE(wait_until(context_.io, [&] { return end.has_value(); }));
  EXPECT_THAT(end->text(), HasSubstr("version 4, wanted"));
}

TEST_F(CrossingPair, LeavesNoHandle) {
  ASSERT_TRUE(incumbent_->provisions().add_state("cache", offer("rows")));
  const auto census = [] { return list_open_handles().size(); };
  std::size_t before = 0;
  for (int round = 0; round < 12; ++round) {
    ASSERT_TRUE(pull_state());
    StateWish misfit = wish();
    misfit.limit = 1;
    ASSERT_FALSE(pull_state(misfit));
    run_ready(context_.io);
    if (round == 1) before = census();
  }
  // Windows: its pool, which waits for processes, comes and goes by one.
  EXPECT_LE(census(), before + 2);
}

TEST_F(CrossingPair, WhatAMergeThrowsIsTold) {
  ASSERT_TRUE(successor_->add_delta("cache", wish(), [](const State&) {
    throw std::runtime_error("no room");
  }));
  successor_->stay();
  std::optional<Error> end;
  incumbent_->make_give_delta()(
      "cache", offer("x"), [&](std::optional<Error> error) { end = error; });
  ASSERT_TRUE(wait_until(context_.io, [&] { return end.has_value(); }));
  EXPECT_THAT(end->text(), HasSubstr("its merge threw: no room"));
}

TEST_F(CrossingPair, ChangeThatIsMalformedBreaksNothing) {
  successor_->stay();
  StateOffer malformed = offer("x");
  malformed.schema.tag = "a:b";
  std::optional<Error> end;
  const auto give = incumbent_->make_give_delta();
  give("cache", malformed, {});
  give("cache", malformed, [&](std::optional<Error> error) { end = error; });
  ASSERT_TRUE(wait_until(context_.io, [&] { return end.has_value(); }));
  EXPECT_EQ(end->code(), errc::invalid_argument);
  EXPECT_TRUE(incumbent_->has_successor());
}

TEST_F(CrossingPair, StateIsWrittenOnceAtATime) {
  StateOffer slow = offer("");
  std::promise<void> go_on;
  slow.write = [wait = go_on.get_future().share()](StateWriter& out) {
    wait.wait_for(kPatience);
    out.write("rows");
  };
  ASSERT_TRUE(incumbent_->provisions().add_state("cache", slow));
  StateWish hasty = wish();
  hasty.deadline = std::chrono::milliseconds{50};
  EXPECT_EQ(pull_state(hasty).error().code(), errc::ready_timeout);
  EXPECT_THAT(pull_state().error().text(),
              HasSubstr("it is being written already"));
  // The first answer comes when nobody wants it any more.
  go_on.set_value();
  bool written = false;
  incumbent_->when_written([&] { written = true; });
  ASSERT_TRUE(wait_until(context_.io, [&] { return written; }));
  const auto state = pull_state();
  ASSERT_TRUE(state) << state.error().text();
  EXPECT_EQ(state->bytes(), "rows");
}

TEST_F(CrossingPair, StateWhoseWriterTheExecutorForgetsIsNotWaitedFor) {
  ASSERT_TRUE(incumbent_->provisions().add_state("cache", offer("rows")));
  context_.options.executor = [](const std::function<void()>&) {};
  EXPECT_THAT(pull_state().error().text(),
              HasSubstr("its writer was never called"));
  context_.options.executor = [](const std::function<void()>& run) { run(); };
  EXPECT_TRUE(pull_state());
}

// A question that waits for the library's thread outlives who asked it.
TEST_F(CrossingPair, GivenUpBeforeItWasAskedHurtsNobody) {
  ASSERT_TRUE(incumbent_->provisions().add_state("cache", offer("rows")));
  StateWish hasty = wish();
  hasty.deadline = std::chrono::milliseconds{1};
  EXPECT_EQ(successor_->pull_state("cache", hasty).error().code(),
            errc::ready_timeout);
  EXPECT_TRUE(pull_state());
}

TEST_F(CrossingPair, LeavingIncumbentGivesNoState) {
  ASSERT_TRUE(incumbent_->provisions().add_state("cache", offer("rows")));
  incumbent_->leave();
  EXPECT_THAT(pull_state().error().text(),
              HasSubstr("writes no state any more"));
}

// One that the incumbent has forked may hold its end of the link.
TEST_F(CrossingTest, IncumbentsEndIsSeenThoughTheLinkStaysOpen) {
  auto incumbent = std::make_shared<os::Process>(
      os::launch(child_request("lives_on")).value());
  const KilledAtEnd killed{*incumbent};
  successor_->take_from(std::move(link_.theirs), incumbent);
  ASSERT_TRUE(incumbent->kill());
  const auto state = pull_state();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code(), errc::channel_lost);
}

TEST_F(CrossingPair, UpgradeThatIsTakenBackHasNoSuccessor) {
  successor_->stay();
  incumbent_->not_succeeded();
  EXPECT_FALSE(incumbent_->has_successor());
  std::optional<Error> end;
  incumbent_->make_give_delta()(
      "cache", offer("x"), [&](std::optional<Error> error) { end = error; });
  ASSERT_TRUE(wait_until(context_.io, [&] { return end.has_value(); }));
  EXPECT_EQ(end->code(), errc::handover_refused);
  EXPECT_FALSE(pull_state());
}

// a peer that breaks the rules ------------------------------------------------

class HostilePeer : public CrossingTest {
 protected:
  HostilePeer() : peer_(context_.io, std::move(link_.ours), this_process()) {}

  void as_incumbent(std::function<void(std::uint32_t number)> answer) {
    successor_->take_from(std::move(link_.theirs), this_process());
    peer_.start(
        [answer](const protocol::Message& message, std::vector<os::Incoming>) {
          if (const auto* want = std::get_if<protocol::WantState>(&message)) {
            answer(want->number);
          } else if (const auto* file =
                         std::get_if<protocol::WantFile>(&message)) {
            answer(file->number);
          }
        },
        [this](const Error&) { lost_ = true; });
  }

  PeerLink peer_;
  bool lost_ = false;
};

TEST_F(HostilePeer, StateThatCanStillBeChangedIsRefused) {
  const ScratchFolder scratch;
  const auto file = open_for_appending(scratch / "file");
  ASSERT_TRUE(write_bytes(file.get(), "rows"));
  as_incumbent([&](std::uint32_t number) {
    peer_.send(protocol::StateGiven{number, "rows", 3, 4, "0123456789abcdef"},
               {os::SendHandle{file.get()}});
  });
  const auto state = pull_state();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code(), errc::handover_refused);
}

TEST_F(HostilePeer, StateUnderAFalseNameIsRefused) {
  auto memory = os::SharedMemory::create(4).value();
  memory.append("rows", 4).value();
  const auto sealed = memory.seal().value();
  as_incumbent([&](std::uint32_t number) {
    peer_.send(protocol::StateGiven{number, "rows", 3, 4, "0123456789abcdef"},
               {os::SendHandle{sealed.get()}});
  });
  EXPECT_THAT(pull_state().error().text(),
              HasSubstr("its checksum is another"));
  // A file was asked for, and this is none.
  const auto file = pulled([&] {
    return successor_->pull_file("log", FileKind::file, FileAccess::read);
  });
  EXPECT_THAT(file.error().text(), HasSubstr("gave something else"));
}

TEST_F(HostilePeer, FileThatIsNotWhatWasAnnouncedIsRefused) {
  const ScratchFolder scratch;
  const auto log = open_for_appending(scratch / "log");
  as_incumbent([&](std::uint32_t number) {
    peer_.send(protocol::FileGiven{number, "file", "read_write"},
               {os::SendHandle{log.get()}});
  });
  const auto file = pulled([&] {
    return successor_->pull_file("log", FileKind::file, FileAccess::read);
  });
  EXPECT_THAT(file.error().text(),
              HasSubstr("it is another than was announced"));
}

TEST_F(HostilePeer, AnswerThatNobodyAskedForBreaksTheLink) {
  as_incumbent([](std::uint32_t) {});
  peer_.send(protocol::NotGiven{77, "nothing"});
  ASSERT_TRUE(wait_until(context_.io, [&] { return lost_; }));
  EXPECT_EQ(pull_state().error().code(), errc::unexpected_message);
}

TEST_F(HostilePeer, SilenceEndsAtTheDeadline) {
  as_incumbent([](std::uint32_t) {});
  StateWish hasty = wish();
  hasty.deadline = std::chrono::milliseconds{50};
  EXPECT_EQ(pull_state(hasty).error().code(), errc::ready_timeout);
}

TEST_F(HostilePeer, QuestionThatMakesNoSenseBreaksTheIncumbentsLinkOnly) {
  incumbent_->give_to(std::move(link_.theirs), this_process());
  peer_.start([](const protocol::Message&, std::vector<os::Incoming>) {},
              [this](const Error&) { lost_ = true; });
  EXPECT_TRUE(incumbent_->has_successor());
  peer_.send(protocol::DeltaTaken{5, ""});
  ASSERT_TRUE(wait_until(context_.io, [&] { return lost_; }));
  EXPECT_FALSE(incumbent_->has_successor());
}

}  // namespace
}  // namespace relaunch::test
