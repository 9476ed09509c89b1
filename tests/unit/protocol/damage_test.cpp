#include <gtest/gtest.h>

#include <random>
#include <string>

#include "common/protocol/frame.hpp"
#include "common/protocol/message.hpp"

namespace relaunch::protocol {
namespace {

std::string good_stream() {
  Listeners listeners{0, true, {{"http", 0, "tcp://127.0.0.1:0"}}};
  Frame frame = to_frame(listeners);
  frame.transfer = "S";
  return encode(to_frame(Hello{1, 1, 7})) + encode(frame) +
         encode(to_frame(Failed{"why \"not\"\n"})) + encode(to_frame(Turn{}));
}

/// One to eight bytes changed, removed, added or cut off; always the same ones.
std::string damage(std::string bytes, std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return random() % limit; };
  for (auto count = 1 + below(8); count > 0 && !bytes.empty(); --count) {
    const std::size_t at = below(bytes.size());
    switch (below(5)) {
      case 0:
        bytes.erase(at, 1);
        break;
      case 1:
        bytes.insert(at, 1, static_cast<char>(random()));
        break;
      case 2:
        if (below(8) == 0) bytes.resize(at);
        break;
      default:
        bytes[at] = static_cast<char>(random());
        break;
    }
  }
  return bytes;
}

// Under the sanitizers this is a small fuzzer.
TEST(Protocol, DamagedBytesAreAnErrorOrAMessageThatCanBeWrittenAgain) {
  std::mt19937 random{20};
  const std::string good = good_stream();
  int broken = 0;
  int whole = 0;
  for (int round = 0; round < 5000; ++round) {
    FrameReader reader;
    reader.append(damage(good, random));
    for (;;) {
      const auto frame = reader.next();
      if (!frame) ++broken;
      if (!frame || !frame->has_value()) break;
      const auto message = from_frame(**frame);
      if (!message) {
        EXPECT_FALSE(message.error().text().empty());
        ++broken;
        continue;
      }
      ++whole;
      const auto again = from_frame(to_frame(*message));
      ASSERT_TRUE(again) << again.error().text();
      EXPECT_EQ(*again, *message);
    }
  }
  EXPECT_GT(broken, 1000);
  EXPECT_GT(whole, 1000);
}

}  // namespace
}  // namespace relaunch::protocol
