#include "common/os/files.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "common/base/text.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;

std::size_t entries_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator{folder}, fs::directory_iterator{}));
}

TEST(Files, DurableWriteReplacesAndLeavesNoOtherFile) {
  const ScratchFolder scratch;
  const auto file = scratch / "state.json";
  ASSERT_TRUE(os::write_durably(file, "old"));
  EXPECT_EQ(file_content(file), "old");
  const std::string bytes("new \0 \r\n", 8);
  ASSERT_TRUE(os::write_durably(file, bytes));
  EXPECT_EQ(file_content(file), bytes);
  EXPECT_EQ(entries_in(scratch.path()), 1u);
}

TEST(Files, DurableWriteThatFailsLeavesTheOldFileAndNoOther) {
  const ScratchFolder scratch;
  EXPECT_FALSE(os::write_durably(scratch / "missing" / "x", "new"));
  const auto folder = scratch / "folder";
  fs::create_directory(folder);
  write_file(folder / "inside", "old");
  const auto result = os::write_durably(folder, "new");
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().text().starts_with(
      text::cat("cannot write ", folder, ": ")))
      << result.error().text();
  EXPECT_EQ(file_content(folder / "inside"), "old");
  EXPECT_EQ(entries_in(scratch.path()), 1u);
}

TEST(Files, PublishedFileReplacesTheOldOneAndIsForEverybodyToRead) {
  const ScratchFolder scratch;
  const auto file = scratch / "relaunch.prom";
  ASSERT_TRUE(os::write_durably(file, "old"));
  ASSERT_TRUE(os::publish_file(file, "new"));
  EXPECT_EQ(file_content(file), "new");
  EXPECT_EQ(entries_in(scratch.path()), 1u);
  if (has_mode_bits()) {
    EXPECT_EQ(fs::status(file).permissions(),
              fs::perms::owner_read | fs::perms::owner_write |
                  fs::perms::group_read | fs::perms::others_read);
  }
  EXPECT_FALSE(os::publish_file(scratch / "missing" / "x", "new"));
}

TEST(Files, ReaderSeesTheOldOrTheNewBytesDuringDurableWrites) {
  const ScratchFolder scratch;
  const auto file = scratch / "state.json";
  const std::string first(100, 'a');
  const std::string second(100'000, 'b');
  ASSERT_TRUE(os::write_durably(file, first));
  std::atomic<bool> done{false};
  std::thread writer{[&] {
    for (int i = 0; i < 30; ++i) {
      const auto written = os::write_durably(file, i % 2 ? first : second);
      EXPECT_TRUE(written) << written.error().text();
    }
    done = true;
  }};
  int reads = 0;
  while (!done) {
    const auto bytes = os::read_file(file, 1 << 20);
    if (!bytes && !replaces_in_one_step()) continue;
    EXPECT_TRUE(bytes) << bytes.error().text();
    if (!bytes) break;
    ++reads;
    EXPECT_TRUE(*bytes == first || *bytes == second) << bytes->size();
  }
  writer.join();
  EXPECT_GT(reads, 0);
}

TEST(Files, ReadGivesTheWholeFileUpToTheLimit) {
  const ScratchFolder scratch;
  const auto file = scratch / "file";
  write_file(file, std::string(1000, 'x'));
  EXPECT_EQ(os::read_file(file, 1000).value(), std::string(1000, 'x'));
  const auto over = os::read_file(file, 999);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code(), errc::invalid_argument);
  const auto missing = os::read_file(scratch / "missing", 1);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), std::errc::no_such_file_or_directory);
  EXPECT_FALSE(os::read_file(scratch.path(), 1000));
}

// False: links cannot be made here.
bool make_link(const fs::path& to, const fs::path& link, bool folder) {
  std::error_code failure;
  if (folder) {
    fs::create_directory_symlink(to, link, failure);
  } else {
    fs::create_symlink(to, link, failure);
  }
  return !failure;
}

TEST(Files, SymbolicLinksAreNotFollowed) {
  const ScratchFolder scratch;
  write_file(scratch / "file", "secret");
  ASSERT_TRUE(os::make_private_folder(scratch / "folder"));
  if (!make_link(scratch / "file", scratch / "link", false) ||
      !make_link(scratch / "folder", scratch / "folder-link", true)) {
    GTEST_SKIP() << "symbolic links cannot be made here";
  }
  EXPECT_FALSE(os::read_file(scratch / "link", 100));
  EXPECT_FALSE(os::copy_file(scratch / "link", scratch / "copy"));
  EXPECT_FALSE(os::make_private_folder(scratch / "folder-link"));
  EXPECT_FALSE(os::make_private_folder(scratch / "folder-link" / ""));
}

TEST(Files, PrivateFolderIsMadeWithItsParentsAndAcceptedAgain) {
  const ScratchFolder scratch;
  const auto folder = scratch / "a" / "b" / "c";
  ASSERT_TRUE(os::make_private_folder(folder));
  EXPECT_TRUE(fs::is_directory(folder));
  EXPECT_TRUE(os::make_private_folder(folder));
  EXPECT_TRUE(os::make_private_folder(folder / ""));
  if (has_mode_bits()) {
    EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all);
  }
  // Whichever is made first of an instance's folders.
  EXPECT_TRUE(os::make_private_folder(scratch / "a" / "b"));
  EXPECT_TRUE(os::make_private_folder(scratch / "a"));
}

TEST(Files, PrivateFolderThatIsAFileIsRefused) {
  const ScratchFolder scratch;
  write_file(scratch / "file", "");
  const auto result = os::make_private_folder(scratch / "file");
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().text().find(text::utf8(scratch / "file")),
            std::string::npos);
  EXPECT_FALSE(os::make_private_folder(scratch / "file" / "below"));
}

TEST(Files, PrivateFolderThatLetsOthersInIsRefusedWithTheRemedy) {
  if (!has_mode_bits()) GTEST_SKIP() << "no mode bits on this system";
  const ScratchFolder scratch;
  const auto folder = scratch / "wide";
  fs::create_directory(folder);
  for (const auto extra : {fs::perms::group_read, fs::perms::others_write}) {
    fs::permissions(folder, fs::perms::owner_all | extra);
    const auto result = os::make_private_folder(folder);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().text().find(text::cat("run chmod 700 ", folder)),
              std::string::npos)
        << result.error().text();
  }
  fs::permissions(folder, fs::perms::owner_all);
  EXPECT_TRUE(os::make_private_folder(folder));
}

TEST(Files, CopyHasTheSameBytesTimeAndModeAndIsAFileOfItsOwn) {
  const ScratchFolder scratch;
  const auto from = scratch / "from";
  const auto to = scratch / "to";
  write_file(from, std::string(300'000, 'x') + "end");
  fs::permissions(from, fs::perms::owner_all | fs::perms::group_exec);
  const auto time = fs::last_write_time(from) - std::chrono::hours{1};
  fs::last_write_time(from, time);

  ASSERT_TRUE(os::copy_file(from, to));

  EXPECT_EQ(file_content(to), file_content(from));
  EXPECT_EQ(fs::last_write_time(to), time);
  EXPECT_EQ(fs::status(to).permissions(), fs::status(from).permissions());
  write_file(from, "changed in place");
  EXPECT_EQ(fs::file_size(to), 300'003u);
  EXPECT_TRUE(os::sync_file(to));
}

TEST(Files, CopyNeverWritesOverAFile) {
  const ScratchFolder scratch;
  write_file(scratch / "from", "new");
  write_file(scratch / "to", "old");
  const auto result = os::copy_file(scratch / "from", scratch / "to");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), std::errc::file_exists);
  EXPECT_EQ(file_content(scratch / "to"), "old");
  EXPECT_FALSE(os::copy_file(scratch / "missing", scratch / "x"));
  EXPECT_FALSE(fs::exists(scratch / "x"));
}

TEST(Files, ExecutableIsWhatItsOwnerCanRun) {
  const ScratchFolder scratch;
  EXPECT_TRUE(os::is_executable(os::running_executable().value()));
  if (!has_mode_bits()) return;
  write_file(scratch / "file", "x");
  fs::permissions(scratch / "file", fs::perms::owner_read);
  EXPECT_FALSE(os::is_executable(scratch / "file"));
  EXPECT_FALSE(os::is_executable(scratch.path()));
}

TEST(Files, OpenFileIsReadInPiecesAndFromItsStartAgain) {
  const auto path = os::running_executable().value();
  const auto image = os::open_running_image().value();
  EXPECT_TRUE(os::is_same_file(path, image.get()));
  const ScratchFolder scratch;
  write_file(scratch / "other", "x");
  EXPECT_FALSE(os::is_same_file(scratch / "other", image.get()));
  EXPECT_FALSE(os::is_same_file(scratch / "missing", image.get()));

  std::string all;
  for (;;) {
    const auto piece = os::read_some(image.get(), 100'000).value();
    if (piece.empty()) break;
    ASSERT_LE(piece.size(), 100'000u);
    all += piece;
  }
  EXPECT_EQ(all.size(), fs::file_size(path));
  ASSERT_TRUE(os::rewind_file(image.get()));
  EXPECT_EQ(os::read_some(image.get(), 16).value(), all.substr(0, 16));
}

RELAUNCH_CHILD_MAIN(runs_until_closed) {
  boost::asio::io_context io;
  os::Channel channel{io, inherited_channel_end()};
  bool lost = false;
  channel.start([](os::Received) {}, [&](Error) { lost = true; });
  channel.send({"up", {}, {}, 0});
  return wait_until(io, [&] { return lost; }) ? 0 : 1;
}

TEST(Files, RunningFileMovedAsideCanBeWrittenWhileItRuns) {
  const ScratchFolder scratch;
  const auto program = scratch / "program.exe";
  ASSERT_TRUE(os::copy_file(os::running_executable().value(), program));
  const auto size = fs::file_size(program);
  const auto time = fs::last_write_time(program);
  auto request = child_request("runs_until_closed");
  request.executable = program;
  boost::asio::io_context io;
  auto child = start_linked(io, std::move(request));
  const KilledAtEnd killed{child.process};
  bool up = false;
  child.channel.start([&](os::Received) { up = true; }, [](Error) {});
  ASSERT_TRUE(wait_until(io, [&] { return up; }));

  const auto aside = os::move_running_file_aside(program);
  ASSERT_TRUE(aside) << aside.error().text();

  EXPECT_NE(*aside, program);
  EXPECT_EQ(aside->parent_path(), program.parent_path());
  // A build tool must not take the copy for newer than its sources.
  EXPECT_EQ(fs::file_size(program), size);
  EXPECT_EQ(fs::last_write_time(program), time);
  write_file(program, "written by a linker");
  EXPECT_EQ(fs::file_size(*aside), size);
  EXPECT_FALSE(child.process.gone());

  bool closed = false;
  child.channel.close_after_sending([&] { closed = true; });
  ASSERT_TRUE(wait_until(io, [&] { return closed; }));
  ASSERT_TRUE(wait_for_end(child.process));
  EXPECT_EQ(child.process.exit_status().text(), "exit code 0");
  EXPECT_EQ(file_content(program), "written by a linker");
  EXPECT_EQ(entries_in(scratch.path()), 2u);
}

TEST(Files, MovingAsideWhatIsMissingChangesNothing) {
  const ScratchFolder scratch;
  EXPECT_FALSE(os::move_running_file_aside(scratch / "missing"));
  EXPECT_EQ(entries_in(scratch.path()), 0u);
}

TEST(Files, ReadOnlyFolderIsRemovedWithAllThatIsInIt) {
  const ScratchFolder scratch;
  const auto folder = scratch / "release";
  fs::create_directories(folder / "lib");
  write_file(folder / "lib" / "file", "x");
  fs::permissions(folder / "lib" / "file", fs::perms::owner_read);
  const auto closed = fs::perms::owner_read | fs::perms::owner_exec;
  fs::permissions(folder / "lib", closed);
  fs::permissions(folder, closed);
  os::remove_if_possible(folder);
  EXPECT_FALSE(fs::exists(folder));
  os::remove_if_possible(scratch / "missing");
}

}  // namespace
}  // namespace relaunch::test
