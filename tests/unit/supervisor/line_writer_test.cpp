#include "common/supervisor/line_writer.hpp"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <string>
#include <utility>

namespace relaunch::supervisor {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::seconds kPatience{20};

/// A stream that somebody reads, or not.
struct Stream {
  bool write(std::string_view lines) {
    if (!std::exchange(has_begun, true)) begun.set_value();
    open.wait();
    const std::lock_guard lock{mutex};
    text += lines;
    return works;
  }
  std::string read() {
    const std::lock_guard lock{mutex};
    return text;
  }
  LineWriter::Write writer() {
    return [this](std::string_view lines) { return write(lines); };
  }
  std::promise<void> begun;  ///< the first call has come
  bool has_begun = false;
  std::promise<void> opener;
  std::shared_future<void> open = opener.get_future().share();
  std::mutex mutex;
  std::string text;
  bool works = true;
};

TEST(LineWriter, WritesEverythingInOrder) {
  Stream stream;
  stream.opener.set_value();
  std::string expected;
  {
    LineWriter writer{stream.writer()};
    for (int i = 0; i < 2'000; ++i) {
      const std::string line = std::to_string(i) + "\n";
      writer.write(line);
      expected += line;
    }
    EXPECT_TRUE(writer.flush(kPatience));
    EXPECT_EQ(stream.read(), expected);
    writer.write("last\n");
  }
  EXPECT_EQ(stream.read(), expected + "last\n");
}

TEST(LineWriter, NeverWaitsForAStreamThatStandsStillAndTellsWhatWasLost) {
  Stream stream;
  LineWriter writer{stream.writer()};
  const std::string line(9'999, 'x');
  writer.write("first\n");
  // From here on nobody takes what waits.
  ASSERT_EQ(stream.begun.get_future().wait_for(kPatience),
            std::future_status::ready);
  for (int i = 0; i < 1'000; ++i) writer.write(line + "\n");
  EXPECT_TRUE(writer.is_full());
  EXPECT_FALSE(writer.flush(1ms));
  std::promise<void> room;
  writer.on_room([&room] { room.set_value(); });
  stream.opener.set_value();
  EXPECT_EQ(room.get_future().wait_for(kPatience), std::future_status::ready);
  ASSERT_TRUE(writer.flush(kPatience));
  EXPECT_FALSE(writer.is_full());
  const std::string text = stream.read();
  EXPECT_LT(text.size(), 3 * LineWriter::kLimit);
  EXPECT_NE(text.find(" lines lost: nobody reads this stream\n"), text.npos);
  writer.on_room({});
}

TEST(LineWriter, GivesUpAStreamThatIsBroken) {
  Stream stream;
  stream.works = false;
  stream.opener.set_value();
  LineWriter writer{stream.writer()};
  writer.write("first\n");
  ASSERT_TRUE(writer.flush(kPatience));
  for (int i = 0; i < 1'000; ++i) writer.write(std::string(9'999, 'x') + "\n");
  EXPECT_FALSE(writer.is_full());
  EXPECT_TRUE(writer.flush(kPatience));
  EXPECT_EQ(stream.read(), "first\n");
}

TEST(LineWriter, LeavesAStreamThatStandsStillBehindAtTheEnd) {
  const auto stream = std::make_shared<Stream>();
  const auto begin = std::chrono::steady_clock::now();
  {
    LineWriter writer{
        [stream](std::string_view lines) { return stream->write(lines); }};
    writer.write("never read\n");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience);
  stream->opener.set_value();
}

}  // namespace
}  // namespace relaunch::supervisor
