#include "common/os/channel.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <optional>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using os::Channel;
using protocol::Frame;

Frame frame(std::string head, std::string body = {}) {
  return {std::move(head), std::move(body), {}, 0};
}

// One end with what it heard.
struct End {
  End(boost::asio::io_context& io, os::Handle end, const os::Process& receiver)
      : channel(std::make_unique<Channel>(io, std::move(end))) {
    channel->set_receiver(receiver);
  }
  void start() {
    channel->start(
        [this](os::Received message) { heard.push_back(std::move(message)); },
        [this](Error why) {
          EXPECT_FALSE(lost) << "on_lost was called twice";
          lost = why;
        });
  }

  std::unique_ptr<Channel> channel;
  std::deque<os::Received> heard;
  std::optional<Error> lost;
};

// Both ends in this process.
class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() : ChannelTest(os::make_channel_pair().value()) {}
  explicit ChannelTest(os::ChannelPair pair)
      : left_(io_, std::move(pair.ours), self_),
        right_(io_, std::move(pair.theirs), self_) {}

  void start_both() {
    left_.start();
    right_.start();
  }
  // Everything that was sent to `end` before this call has been heard.
  bool wait_for(End& end, std::size_t count) {
    return wait_until(io_, [&] { return end.heard.size() >= count; });
  }
  bool wait_for_loss(End& end) {
    return wait_until(io_, [&] { return end.lost.has_value(); });
  }

  boost::asio::io_context io_;
  os::Process self_ = os::open_process(os::own_process_id()).value();
  End left_;
  End right_;
};

TEST_F(ChannelTest, FramesArriveWholeAndInOrderBothWays) {
  start_both();
  left_.channel->send(frame("one", std::string("\0body", 5)));
  left_.channel->send(frame("two"));
  right_.channel->send(frame("", "back"));
  ASSERT_TRUE(wait_for(right_, 2));
  ASSERT_TRUE(wait_for(left_, 1));
  EXPECT_EQ(right_.heard[0].frame, frame("one", std::string("\0body", 5)));
  EXPECT_EQ(right_.heard[1].frame, frame("two"));
  EXPECT_EQ(left_.heard[0].frame, frame("", "back"));
}

TEST_F(ChannelTest, OnSentComesOnceAndNotBeforeSendReturns) {
  start_both();
  int sent = 0;
  left_.channel->send(frame("x"), {}, [&](std::optional<Error> failure) {
    EXPECT_FALSE(failure);
    ++sent;
  });
  EXPECT_EQ(sent, 0);
  ASSERT_TRUE(wait_for(right_, 1));
  ASSERT_TRUE(wait_until(io_, [&] { return sent == 1; }));
}

TEST_F(ChannelTest, SocketsAndHandlesArriveAsWhatTheyWereSent) {
  start_both();
  const auto asked = Address::parse("tcp://127.0.0.1:0").value();
  const auto listener = os::open_listener(asked).value();
  const auto process = os::own_process_handle().value();
  auto received = frame("three");
  received.handles = 3;

  left_.channel->send(frame("three"), {os::SendSocket{listener.get()},
                                       os::SendHandle{process.get()},
                                       os::SendSocket{listener.get()}});
  left_.channel->send(frame("none"));
  ASSERT_TRUE(wait_for(right_, 2));

  EXPECT_EQ(right_.heard[0].frame, received);
  auto& handles = right_.heard[0].handles;
  ASSERT_EQ(handles.size(), 3u);
  for (const std::size_t i : {0u, 2u}) {
    const auto* socket = std::get_if<os::Socket>(&handles[i]);
    ASSERT_TRUE(socket);
    EXPECT_NE(socket->get(), listener.get());
    const auto where = os::local_address(listener.get()).value();
    EXPECT_TRUE(os::check_listener(socket->get(), where));
  }
  auto* handle = std::get_if<os::Handle>(&handles[1]);
  ASSERT_TRUE(handle);
  EXPECT_FALSE(os::Process(std::move(*handle), self_.id()).gone());
  EXPECT_TRUE(right_.heard[1].handles.empty());
}

TEST_F(ChannelTest, ThousandFramesWaitForASlowReceiverInOrder) {
  left_.start();
  constexpr std::size_t kFrames = 1000;
  const auto listener =
      os::open_listener(Address::parse("tcp://127.0.0.1:0").value()).value();
  std::size_t sent = 0;
  for (std::size_t i = 0; i < kFrames; ++i) {
    std::vector<os::Outgoing> handles;
    if (i % 100 == 0) handles.push_back(os::SendSocket{listener.get()});
    left_.channel->send(frame(text::cat(i), std::string(4096, 'b')), handles,
                        [&](std::optional<Error> failure) {
                          EXPECT_FALSE(failure) << failure->text();
                          ++sent;
                        });
  }
  run_ready(io_);
  EXPECT_LT(sent, kFrames);  // nobody reads yet

  right_.start();
  ASSERT_TRUE(wait_for(right_, kFrames));
  for (std::size_t i = 0; i < kFrames; ++i) {
    ASSERT_EQ(right_.heard[i].frame.head, text::cat(i));
    ASSERT_EQ(right_.heard[i].handles.size(), i % 100 == 0 ? 1u : 0u);
  }
  EXPECT_TRUE(wait_until(io_, [&] { return sent == kFrames; }));
}

TEST_F(ChannelTest, LargestFrameArrivesWhole) {
  start_both();
  std::string body(protocol::kMaxBodyBytes, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 7 + i / 256);
  }
  left_.channel->send(frame(std::string(protocol::kMaxHeadBytes, 'h'), body));
  ASSERT_TRUE(wait_for(right_, 1));
  EXPECT_EQ(right_.heard[0].frame.body, body);
}

TEST_F(ChannelTest, FrameOverALimitFailsAlone) {
  start_both();
  std::optional<Error> failure;
  left_.channel->send(frame("x", std::string(protocol::kMaxBodyBytes + 1, 'b')),
                      {}, [&](std::optional<Error> why) { failure = why; });
  left_.channel->send(frame("next"));
  ASSERT_TRUE(wait_for(right_, 1));
  EXPECT_EQ(right_.heard[0].frame.head, "next");
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code(), errc::invalid_argument);
  EXPECT_FALSE(left_.lost);
}

TEST_F(ChannelTest, MostHandlesCrossAndOneMoreFailsAlone) {
  start_both();
  const auto process = os::own_process_handle().value();
  std::vector<os::Outgoing> handles(protocol::kMaxHandles + 1,
                                    os::SendHandle{process.get()});
  std::optional<Error> failure;
  left_.channel->send(frame("too many"), handles,
                      [&](std::optional<Error> why) { failure = why; });
  handles.pop_back();
  left_.channel->send(frame("most"), handles);
  ASSERT_TRUE(wait_for(right_, 1));
  EXPECT_EQ(right_.heard[0].frame.head, "most");
  EXPECT_EQ(right_.heard[0].handles.size(), protocol::kMaxHandles);
  EXPECT_TRUE(failure);
}

TEST_F(ChannelTest, HandleThatIsNoneFailsAlone) {
  start_both();
  os::Handle closed = os::own_process_handle().value();
  const native_handle number = closed.get();
  closed.reset();
  std::optional<Error> failure;
  left_.channel->send(frame("bad"), {os::SendHandle{number}},
                      [&](std::optional<Error> why) { failure = why; });
  left_.channel->send(frame("good"));
  ASSERT_TRUE(wait_for(right_, 1));
  EXPECT_EQ(right_.heard[0].frame.head, "good");
  EXPECT_TRUE(failure);
  EXPECT_FALSE(left_.lost);
}

TEST_F(ChannelTest, PeerThatClosesIsReportedOnceAfterWhatItSaid) {
  start_both();
  right_.channel->send(frame("last words"));
  bool closed = false;
  right_.channel->close_after_sending([&] { closed = true; });
  ASSERT_TRUE(wait_until(io_, [&] { return closed; }));
  ASSERT_TRUE(wait_for_loss(left_));
  ASSERT_EQ(left_.heard.size(), 1u);
  EXPECT_EQ(left_.heard[0].frame.head, "last words");
  EXPECT_EQ(left_.lost->code(), errc::channel_lost);
}

TEST_F(ChannelTest, CloseAfterSendingWaitsForASlowReceiver) {
  left_.start();
  for (int i = 0; i < 100; ++i) {
    left_.channel->send(frame(text::cat(i), std::string(16 * 1024, 'b')));
  }
  bool closed = false;
  left_.channel->close_after_sending([&] { closed = true; });
  run_ready(io_);
  EXPECT_FALSE(closed);
  right_.start();
  ASSERT_TRUE(wait_for_loss(right_));
  EXPECT_TRUE(closed);
  EXPECT_EQ(right_.heard.size(), 100u);
  EXPECT_FALSE(left_.lost);
}

TEST_F(ChannelTest, SendingToOneThatIsGoneFailsEveryFrameAndLosesTheLink) {
  right_.channel.reset();
  int failed = 0;
  const auto count = [&](std::optional<Error> why) { failed += why ? 1 : 0; };
  left_.channel->send(frame("a", std::string(1024 * 1024, 'b')), {}, count);
  left_.channel->send(frame("b"), {}, count);
  left_.start();
  ASSERT_TRUE(wait_for_loss(left_));
  EXPECT_EQ(left_.lost->code(), errc::channel_lost);
  EXPECT_TRUE(wait_until(io_, [&] { return failed == 2; }));
  left_.channel->send(frame("c"), {}, count);
  EXPECT_TRUE(wait_until(io_, [&] { return failed == 3; }));
}

TEST_F(ChannelTest, LastWordsAreHeardThoughSendingFailsFirst) {
  right_.channel->send(frame("failed: no memory"));
  bool closed = false;
  right_.channel->close_after_sending([&] { closed = true; });
  ASSERT_TRUE(wait_until(io_, [&] { return closed; }));
  bool sent = false;
  left_.channel->send(frame("are you there?"), {},
                      [&](std::optional<Error>) { sent = true; });
  ASSERT_TRUE(wait_until(io_, [&] { return sent; }));
  left_.start();
  ASSERT_TRUE(wait_for_loss(left_));
  ASSERT_EQ(left_.heard.size(), 1u);
  EXPECT_EQ(left_.heard[0].frame.head, "failed: no memory");
}

TEST_F(ChannelTest, DestroyedInEachOfItsCallbacksItCallsNoMore) {
  left_.channel->send(frame("x"));
  left_.channel->send(frame("y"));
  int messages = 0;
  right_.channel->start(
      [&](os::Received) {
        ++messages;
        right_.channel.reset();
      },
      [](Error) { ADD_FAILURE() << "called after its destruction"; });
  ASSERT_TRUE(wait_until(io_, [&] { return messages > 0; }));
  run_ready(io_);
  EXPECT_EQ(messages, 1);

  bool lost = false;
  left_.channel->start([](os::Received) {},
                       [&](Error) {
                         left_.channel.reset();
                         lost = true;
                       });
  ASSERT_TRUE(wait_until(io_, [&] { return lost; }));

  auto pair = os::make_channel_pair().value();
  auto third = std::make_unique<Channel>(io_, std::move(pair.ours));
  bool sent = false;
  third->send(frame("z"), {}, [&](std::optional<Error>) {
    third.reset();
    sent = true;
  });
  third->send(frame("never"), {}, [](std::optional<Error>) {
    ADD_FAILURE() << "called after its destruction";
  });
  ASSERT_TRUE(wait_until(io_, [&] { return sent; }));
  run_ready(io_);

  bool closed = false;
  auto fourth = std::make_unique<Channel>(io_, std::move(pair.theirs));
  fourth->close_after_sending([&] {
    fourth.reset();
    closed = true;
  });
  ASSERT_TRUE(wait_until(io_, [&] { return closed; }));
}

// Bytes that a hostile or broken peer may send.
class ChannelGarbage : public ::testing::Test {
 protected:
  std::optional<Error> loss_after(std::string_view bytes, bool close = false) {
    auto pair = os::make_channel_pair().value();
    EXPECT_TRUE(write_raw(pair.theirs.get(), bytes));
    if (close) pair.theirs.reset();
    boost::asio::io_context io;
    const auto self = os::open_process(os::own_process_id()).value();
    End end{io, std::move(pair.ours), self};
    end.start();
    EXPECT_TRUE(wait_until(io, [&] { return end.lost.has_value(); }));
    EXPECT_TRUE(end.heard.empty());
    return end.lost;
  }
};

TEST_F(ChannelGarbage, BytesThatAreNoFrameLoseTheLink) {
  const auto loss = loss_after("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->code(), errc::malformed_frame);
}

TEST_F(ChannelGarbage, AnotherFrameVersionIsNamedAsSuch) {
  std::string bytes = protocol::encode(frame("x"));
  bytes[4] = 9;
  const auto loss = loss_after(bytes);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->code(), errc::version_mismatch);
}

TEST_F(ChannelGarbage, AnnouncedHandlesThatDoNotComeLoseTheLink) {
  Frame promise = frame("x");
  promise.handles = 1;
  const auto undescribed = loss_after(protocol::encode(promise));
  ASSERT_TRUE(undescribed);
  EXPECT_EQ(undescribed->code(), errc::malformed_frame);
  promise.transfer = "S";
  const auto described = loss_after(protocol::encode(promise));
  ASSERT_TRUE(described);
  EXPECT_EQ(described->code(), errc::malformed_frame);
  promise.handles = 0;
  const auto unannounced = loss_after(protocol::encode(promise));
  ASSERT_TRUE(unannounced);
  EXPECT_EQ(unannounced->code(), errc::malformed_frame);
}

TEST_F(ChannelGarbage, EndWithinAFrameIsALostChannel) {
  const std::string whole = protocol::encode(frame("head", "body"));
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{23}, std::size_t{24}, whole.size() - 1}) {
    const auto loss = loss_after({whole.data(), size}, true);
    ASSERT_TRUE(loss);
    EXPECT_EQ(loss->code(), errc::channel_lost) << size;
  }
}

TEST(Channel, HandlesOfALinkThatIsDestroyedAreClosed) {
  const auto before = list_open_handles().size();
  {
    boost::asio::io_context io;
    const auto self = os::open_process(os::own_process_id()).value();
    const auto process = os::own_process_handle().value();
    auto pair = os::make_channel_pair().value();
    End left{io, std::move(pair.ours), self};
    End right{io, std::move(pair.theirs), self};
    right.start();
    for (int i = 0; i < 20; ++i) {
      left.channel->send(frame("x"), {os::SendHandle{process.get()}});
    }
    EXPECT_TRUE(wait_until(io, [&] { return right.heard.size() >= 10; }));
  }
  EXPECT_LE(list_open_handles().size(), before);
}

TEST(Channel, ReceiverWithoutRoomForHandlesLosesTheLinkAndKeepsNone) {
  auto request = child_request("has_no_room");
  EXPECT_EQ(run_child(std::move(request)).output, "lost, none kept\n");
}

RELAUNCH_CHILD_MAIN(has_no_room) {
  boost::asio::io_context io;
  const auto self = os::open_process(os::own_process_id()).value();
  const auto process = os::own_process_handle().value();
  auto pair = os::make_channel_pair().value();
  End left{io, std::move(pair.ours), self};
  End right{io, std::move(pair.theirs), self};
  left.start();
  right.start();
  left.channel->send(
      frame("x"), std::vector<os::Outgoing>(10, os::SendHandle{process.get()}));
  // Where numbers have no limit there is nothing to see.
  if (!limit_handles(5)) {
    say("lost, none kept");
    return 0;
  }
  const bool lost = wait_until(io, [&] { return right.lost.has_value(); });
  const bool full =
      lost && right.lost->code() == std::errc::too_many_files_open;
  limit_handles(100);
  // Kept ones would still take the numbers behind.
  const auto count = list_open_handles().size();
  say(!full         ? "not lost for lack of room"
      : count > 20u ? "kept some"
                    : "lost, none kept");
  return 0;
}

TEST(Channel, ItsMakerIsKnownAndOtherHandlesAreNoChannel) {
  const auto pair = os::make_channel_pair().value();
  EXPECT_EQ(os::channel_maker(pair.ours.get()).value(), os::own_process_id());
  EXPECT_EQ(os::channel_maker(pair.theirs.get()).value(), os::own_process_id());

  const auto image = os::open_running_image().value();
  EXPECT_EQ(os::channel_maker(image.get()).error().code(),
            errc::invalid_argument);
  os::Handle closed = os::own_process_handle().value();
  EXPECT_EQ(os::channel_maker(closed.get()).error().code(),
            errc::invalid_argument);
  const native_handle number = closed.get();
  closed.reset();
  EXPECT_EQ(os::channel_maker(number).error().code(), errc::invalid_argument);
}

RELAUNCH_CHILD_MAIN(echoes) {
  boost::asio::io_context io;
  os::Handle end = inherited_channel_end();
  const auto maker = os::open_process(os::channel_maker(end.get()).value());
  os::Channel channel{io, std::move(end)};
  channel.set_receiver(*maker);
  bool lost = false;
  std::deque<os::Received> kept;
  channel.start(
      [&](os::Received message) {
        kept.push_back(std::move(message));
        const os::Received& last = kept.back();
        std::vector<os::Outgoing> back;
        for (const auto& one : last.handles) {
          if (const auto* socket = std::get_if<os::Socket>(&one)) {
            back.push_back(os::SendSocket{socket->get()});
          } else {
            back.push_back(os::SendHandle{std::get<os::Handle>(one).get()});
          }
        }
        channel.send(frame(last.frame.head, last.frame.body), back);
      },
      [&](Error) { lost = true; });
  return wait_until(io, [&] { return lost; }) ? 0 : 1;
}

TEST(Channel, CrossesToAnotherProcessAndBack) {
  boost::asio::io_context io;
  auto child = start_linked(io, child_request("echoes"));
  const KilledAtEnd killed{child.process};
  child.channel.set_receiver(child.process);
  const auto listener =
      os::open_listener(Address::parse("tcp://127.0.0.1:0").value()).value();
  const auto where = os::local_address(listener.get()).value();
  std::vector<os::Received> heard;
  child.channel.start(
      [&](os::Received message) { heard.push_back(std::move(message)); },
      [](Error) {});
  for (int i = 0; i < 50; ++i) {
    child.channel.send(frame(text::cat(i), std::string(10'000, 'x')),
                       {os::SendSocket{listener.get()}});
  }
  ASSERT_TRUE(wait_until(io, [&] { return heard.size() == 50; }));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(heard[i].frame.head, text::cat(i));
    ASSERT_EQ(heard[i].handles.size(), 1u);
    const auto* socket = std::get_if<os::Socket>(&heard[i].handles[0]);
    ASSERT_TRUE(socket);
    EXPECT_TRUE(os::check_listener(socket->get(), where));
  }
  bool closed = false;
  child.channel.close_after_sending([&] { closed = true; });
  ASSERT_TRUE(wait_until(io, [&] { return closed; }));
  ASSERT_TRUE(wait_for_end(child.process));
  EXPECT_EQ(child.process.exit_status().text(), "exit code 0");
}

}  // namespace
}  // namespace relaunch::test
