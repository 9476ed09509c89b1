#include "common/observe/history.hpp"

#include <gtest/gtest.h>

#include "common/base/text.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {
namespace {

observe::HistoryEntry entry_of(std::uint64_t upgrade) {
  observe::HistoryEntry entry;
  entry.time = std::chrono::system_clock::now();
  entry.upgrade = upgrade;
  entry.outcome = "done";
  entry.reason.assign(1'000, 'r');
  return entry;
}

RELAUNCH_CHILD_MAIN(writes_history) {
  auto history = observe::History::open(text::path_from_utf8(args.at(0)));
  if (!history) return 1;
  boost::asio::io_context io;
  os::Channel channel{io, inherited_channel_end()};
  for (std::uint64_t i = history->last_upgrade() + 1; i < 100'000; ++i) {
    if (!history->add(entry_of(i))) return 2;
    channel.send({"added", {}, {}, 0});
    run_ready(io);
  }
  return 3;
}

TEST(HistoryFile, HasEveryEntryThatWasAddedWhenItsWriterIsKilled) {
  const ScratchFolder scratch;
  const auto file = scratch / "history.jsonl";
  std::uint64_t before = 0;
  for (int round = 0; round < 10; ++round) {
    boost::asio::io_context io;
    auto child =
        start_linked(io, child_request("writes_history", {text::utf8(file)}));
    const KilledAtEnd killed{child.process};
    std::uint64_t added = 0;
    child.channel.start([&](os::Received) { ++added; }, [](Error) {});
    const std::uint64_t enough = 5 + static_cast<std::uint64_t>(round);
    ASSERT_TRUE(wait_until(io, [&] { return added >= enough; }));
    ASSERT_TRUE(child.process.kill());
    ASSERT_TRUE(wait_for_end(child.process));

    const auto history = observe::History::open(file);
    ASSERT_TRUE(history) << history.error().text();
    EXPECT_GE(history->last_upgrade(), before + added);
    const auto& entries = history->entries();
    for (std::size_t i = 1; i < entries.size(); ++i) {
      EXPECT_EQ(entries[i].upgrade, entries[i - 1].upgrade + 1);
    }
    before = history->last_upgrade();
  }
}

}  // namespace
}  // namespace relaunch::test
