// Bytes that are no request, and who sends none.
#include <gtest/gtest.h>

#include "control/raw_client.hpp"
#include "control/served_target.hpp"
#include "support/system_facts.hpp"

namespace relaunch::control {
namespace {

std::string header(std::uint32_t head, std::uint32_t body) {
  protocol::Frame frame;
  frame.head = std::string(4, 'x');
  std::string bytes = protocol::encode(frame).substr(0, protocol::kHeaderBytes);
  const auto put = [&](std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i != 4; ++i) {
      bytes[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
    }
  };
  put(8, head);
  put(12, body);
  return bytes;
}

/// The endpoint closes the link, and serves the next client.
void expect_refused(const ServedTarget& served, std::string_view bytes) {
  const os::Handle end = test::open_raw(served.address());
  EXPECT_TRUE(test::write_raw(end.get(), bytes));
  EXPECT_TRUE(test::is_closed_by_peer(end.get()));
  EXPECT_TRUE(served.ask(Verb::status));
}

TEST(ControlFrames, OneOverALimitClosesItsLink) {
  ServedTarget served;
  expect_refused(served, header(protocol::kMaxHeadBytes + 1, 0));
  expect_refused(served, header(1, protocol::kMaxBodyBytes + 1));
  expect_refused(served, header(UINT32_MAX, UINT32_MAX));
}

TEST(ControlFrames, ZeroLengthIsAnsweredWithAnErrorAndClosed) {
  ServedTarget served;
  expect_refused(served, header(0, 0));
}

TEST(ControlFrames, AnotherMagicClosesItsLink) {
  ServedTarget served;
  expect_refused(served, "GET /status HTTP/1.1\r\n\r\n");
}

TEST(ControlFrames, OneThatIsCutHarmsNobody) {
  ServedTarget served;
  const std::string whole = protocol::encode(to_frame(Request{}));
  for (const std::size_t size : {std::size_t{1}, protocol::kHeaderBytes - 1,
                                 protocol::kHeaderBytes, whole.size() - 1}) {
    const os::Handle end = test::open_raw(served.address());
    EXPECT_TRUE(test::write_raw(end.get(), whole.substr(0, size)));
    EXPECT_TRUE(served.ask(Verb::status)) << size;
  }
  EXPECT_TRUE(served.ask(Verb::status));
}

TEST(ControlFrames, ALinkOnWhichNothingIsAskedIsClosed) {
  ServedTarget served{std::chrono::milliseconds{50}};
  const os::Handle silent = test::open_raw(served.address());
  const os::Handle slow = test::open_raw(served.address());
  EXPECT_TRUE(test::write_raw(slow.get(), "R"));
  EXPECT_TRUE(test::is_closed_by_peer(silent.get()));
  EXPECT_TRUE(test::is_closed_by_peer(slow.get()));
  EXPECT_TRUE(served.ask(Verb::status));
}

TEST(ControlFrames, AnErrorSaysItsWordsOnce) {
  const Error error{errc::not_permitted, "cannot reload"};
  const auto read = answer_from(to_frame({Answer::Kind::error, {}, {}, error}));
  EXPECT_EQ(read.value().error.text(), error.text());
  const Error system{std::make_error_code(std::errc::permission_denied), "no"};
  const auto other =
      answer_from(to_frame({Answer::Kind::error, {}, {}, system}));
  EXPECT_EQ(other.value().error.text(), system.text());
}

TEST(ControlFrames, ANulInAPathOrAnArgumentIsRefused) {
  const std::string nul{"a\0b", 3};
  Request request;
  request.verb = Verb::upgrade;
  request.order.release = nul;
  EXPECT_EQ(request_from(to_frame(request)).error().code(),
            errc::malformed_frame);
  request.order.release.clear();
  request.order.arguments = {{nul}};
  EXPECT_EQ(request_from(to_frame(request)).error().code(),
            errc::malformed_frame);
}

}  // namespace
}  // namespace relaunch::control
