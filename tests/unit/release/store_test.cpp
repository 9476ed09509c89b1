#include "common/release/store.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "common/os/system.hpp"
#include "common/release/record_file.hpp"
#include "common/release/tree_hash.hpp"
#include "unit/release/artifact_files.hpp"

namespace relaunch::release {
namespace {

namespace fs = std::filesystem;
using test::make_file;
using test::make_link;
using test::make_program;
using testing::HasSubstr;
using testing::Not;

const std::atomic<bool> kGoOn{false};

class StoreTest : public testing::Test {
 protected:
  Store open() {
    auto store = Store::open(state_);
    if (!store) throw store.error();
    return *store;
  }
  /// Stages a file artifact with these bytes.
  Release stage(Store& store, std::string_view bytes) {
    make_program(artifact_, bytes);
    const auto release = store.stage({artifact_, {}}, kGoOn);
    if (!release) throw release.error();
    return *release;
  }
  std::vector<std::string> entries_of_releases() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator{state_ / "releases"}) {
      names.push_back(text::utf8(entry.path().filename()));
    }
    return names;
  }

  test::ScratchFolder folder_;
  const fs::path state_ = folder_ / "state";
  const fs::path artifact_ = folder_ / "build" / "server.exe";
};

TEST_F(StoreTest, StagesAFileUnderItsHash) {
  Store store = open();
  const Release release = stage(store, "one");
  EXPECT_EQ(release.id, hash_tree(artifact_, kGoOn).value());
  EXPECT_EQ(release.executable,
            state_ / "releases" / release.id / "server.exe");
  EXPECT_EQ(test::file_content(release.executable), "one");
  EXPECT_TRUE(os::is_executable(release.executable));
  EXPECT_THAT(entries_of_releases(),
              testing::UnorderedElementsAre(release.id, release.id + ".json"));
}

TEST_F(StoreTest, SameBuildIsTheSameRelease) {
  Store store = open();
  const Release first = stage(store, "one");
  const Release second = stage(store, "one");
  EXPECT_EQ(first.id, second.id);
  EXPECT_EQ(first.executable, second.executable);
  EXPECT_NE(stage(store, "two").id, first.id);
}

TEST_F(StoreTest, WritingTheArtifactInPlaceLeavesTheReleaseAlone) {
  Store store = open();
  const Release release = stage(store, "one");
  {
    std::fstream file{artifact_, std::ios::in | std::ios::out};
    file << "TWO";
  }
  ASSERT_EQ(test::file_content(artifact_), "TWO");
  EXPECT_EQ(test::file_content(release.executable), "one");
  EXPECT_EQ(hash_tree(release.executable.parent_path(), kGoOn).value(),
            release.id);
}

TEST_F(StoreTest, StagedFilesAreReadOnly) {
  Store store = open();
  const Release release = stage(store, "one");
  EXPECT_EQ(
      fs::status(release.executable).permissions() & fs::perms::owner_write,
      fs::perms::none);
}

TEST_F(StoreTest, StagesAFolderWithSubfolders) {
  const fs::path build = folder_ / "build";
  make_program(build / "bin" / "server", "program");
  make_file(build / "share" / "deep" / "page.html", "page");
  fs::create_directory(build / "empty");
  Store store = open();
  const auto release = store.stage({build, "bin/server"}, kGoOn);
  ASSERT_TRUE(release) << release.error().text();
  const fs::path staged = state_ / "releases" / release->id;
  EXPECT_EQ(release->executable, staged / "bin" / "server");
  EXPECT_EQ(test::file_content(staged / "share" / "deep" / "page.html"),
            "page");
  EXPECT_TRUE(fs::is_directory(staged / "empty"));
  EXPECT_EQ(release->id, hash_tree(build, kGoOn).value());
}

TEST_F(StoreTest, KeepsLinksInsideTheFolderAndRefusesOthers) {
  const fs::path build = folder_ / "build";
  make_program(build / "bin" / "server", "program");
  make_file(build / "lib" / "a.so.1", "library");
  if (!make_link("a.so.1", build / "lib" / "a.so")) GTEST_SKIP() << "no links";
  make_link("../lib", build / "bin" / "lib");
  Store store = open();
  const auto release = store.stage({build, "bin/server"}, kGoOn);
  ASSERT_TRUE(release) << release.error().text();
  const fs::path staged = state_ / "releases" / release->id;
  EXPECT_EQ(fs::read_symlink(staged / "lib" / "a.so"), "a.so.1");
  EXPECT_EQ(test::file_content(staged / "bin" / "lib" / "a.so"), "library");

  for (const char* target : {"/etc/hostname", "../../outside", "..", "../.."}) {
    fs::remove(build / "bad");
    make_link(target, build / "bad");
    const auto refused = store.stage({build, "bin/server"}, kGoOn);
    ASSERT_FALSE(refused) << target;
    EXPECT_EQ(refused.error().code(), errc::invalid_argument);
    EXPECT_THAT(refused.error().text(), HasSubstr("leads out of"));
  }
}

TEST_F(StoreTest, MissingArtifactIsNamed) {
  Store store = open();
  const auto release = store.stage({folder_ / "nothing", {}}, kGoOn);
  ASSERT_FALSE(release);
  EXPECT_EQ(release.error().code(), errc::artifact_missing);
  EXPECT_EQ(release.error().text(),
            text::cat("cannot stage ", folder_ / "nothing",
                      ": it does not exist: bad artifact"));
}

TEST_F(StoreTest, MissingExecutableInAFolderIsNamed) {
  make_file(folder_ / "build" / "readme", "x");
  Store store = open();
  const auto release = store.stage({folder_ / "build", "server"}, kGoOn);
  ASSERT_FALSE(release);
  EXPECT_EQ(release.error().code(), errc::artifact_missing);
  EXPECT_THAT(release.error().text(), HasSubstr("server: it does not exist"));
}

TEST_F(StoreTest, ArtifactThatCannotRunIsNamed) {
  make_file(artifact_, "x");
  if (os::is_executable(artifact_)) GTEST_SKIP() << "no executable bit here";
  Store store = open();
  const auto release = store.stage({artifact_, {}}, kGoOn);
  ASSERT_FALSE(release);
  EXPECT_EQ(release.error().code(), errc::artifact_missing);
  EXPECT_THAT(release.error().text(), HasSubstr("is not executable"));
}

TEST_F(StoreTest, ExecutableMustBeInsideTheFolder) {
  make_program(folder_ / "server", "x");
  make_file(folder_ / "build" / "readme", "x");
  Store store = open();
  for (const char* executable :
       {"", "../server", "a/../../server", "/bin/sh"}) {
    const auto release = store.stage({folder_ / "build", executable}, kGoOn);
    ASSERT_FALSE(release) << executable;
    EXPECT_EQ(release.error().code(), errc::invalid_argument) << executable;
  }
}

TEST_F(StoreTest, NothingIsLeftOfAStagingThatFailed) {
  make_program(artifact_, "x");
  Store store = open();
  const std::atomic<bool> cancelled{true};
  const auto release = store.stage({artifact_, {}}, cancelled);
  ASSERT_FALSE(release);
  EXPECT_EQ(release.error().code(), errc::stopped);
  EXPECT_THAT(entries_of_releases(), testing::IsEmpty());
}

TEST_F(StoreTest, LeftoversOfAnInterruptedStagingOrRecordAreRemovedAtOpen) {
  open();
  const std::string mine = text::cat(".staging-", os::own_process_id());
  make_file(state_ / "releases" / mine / "deep" / "file", "x");
  make_file(state_ / "releases" / ".staging-4294967295" / "file", "x");
  make_file(state_ / "releases" / ".new-4294967295-1", "half a record");
  make_file(state_ / ".new-4294967295-2", "half a record");
  make_file(state_ / "releases" / ".removed-abc" / "file", "x");
  open();
  EXPECT_THAT(entries_of_releases(), testing::IsEmpty());
  EXPECT_FALSE(fs::exists(state_ / ".new-4294967295-2"));
}

TEST_F(StoreTest, FindsWhatIsWholeOnly) {
  Store store = open();
  const Release release = stage(store, "one");
  const auto found = open().find(release.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, release.id);
  EXPECT_EQ(found->executable, release.executable);

  EXPECT_FALSE(store.find(""));
  EXPECT_FALSE(store.find("../../build"));
  EXPECT_FALSE(store.find(std::string(32, 'a')));
  os::remove_if_possible(release.executable);
  EXPECT_FALSE(store.find(release.id));

  // Whole, but outside of where releases are.
  make_program(state_ / "other" / "server.exe", "x");
  make_file(state_ / "other.json",
            R"({"executable":"server.exe","artifact":""})");
  EXPECT_FALSE(store.find("../other"));
}

TEST_F(StoreTest, ReleaseWhoseRecordWasTornIsMadeWholeByStagingAgain) {
  Store store = open();
  const Release release = stage(store, "one");
  const fs::path record = state_ / "releases" / (release.id + ".json");
  for (const char* torn : {"", "{", "[]", "{\"executable\":1}",
                           "{\"executable\":\"../x\",\"artifact\":\"\"}",
                           "{\"executable\":\"server\xFF\",\"artifact\":\"\"}",
                           "{\"executable\":\"server.exe\\u0000\","
                           "\"artifact\":\"\"}"}) {
    make_file(record, torn);
    EXPECT_FALSE(store.find(release.id)) << torn;
    EXPECT_EQ(stage(store, "one").executable, release.executable);
    EXPECT_TRUE(store.find(release.id));
  }
}

TEST_F(StoreTest, ReleaseThatWasDamagedIsStagedAnew) {
  Store store = open();
  const Release release = stage(store, "one");
  os::remove_if_possible(release.executable);
  stage(store, "one");
  EXPECT_EQ(test::file_content(release.executable), "one");
}

TEST_F(StoreTest, CurrentIsWhatWasSetLast) {
  Store store = open();
  EXPECT_FALSE(store.current());
  ASSERT_TRUE(store.set_current({"abc", 4, 71}));
  ASSERT_TRUE(store.set_current({"def", 5, 72}));
  const auto current = open().current();
  ASSERT_TRUE(current);
  EXPECT_EQ(current->release, "def");
  EXPECT_EQ(current->generation, 5u);
  EXPECT_EQ(current->pid, 72u);
}

TEST_F(StoreTest, TornCurrentCountsAsAbsentAndCanBeReplaced) {
  Store store = open();
  for (const char* torn :
       {"", "{\"release\":\"abc\",\"gener", "[]", "\xFF", "{}",
        "{\"release\":\"a\",\"generation\":-1,\"pid\":1}",
        "{\"release\":\"a\",\"generation\":4294967296,\"pid\":1}"}) {
    ASSERT_TRUE(write_record(state_ / kCommitted, torn));
    EXPECT_FALSE(store.current()) << torn;
    ASSERT_TRUE(store.set_current({"abc", 1, 2}));
    EXPECT_TRUE(store.current());
  }
}

TEST_F(StoreTest, CurrentStandsWhenItCannotBeReplaced) {
  Store store = open();
  fs::create_directory(state_ / kCommitted);
  const auto written = store.set_current({"abc", 1, 2});
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().text(), HasSubstr(kCommitted));
  EXPECT_FALSE(store.current());
}

TEST_F(StoreTest, HoldsAReleaseUntilItIsReleased) {
  Store store = open();
  EXPECT_FALSE(store.held("abc"));
  ASSERT_TRUE(store.hold("abc", "died in probation: signal 11"));
  ASSERT_TRUE(store.hold("def", "unhealthy"));
  ASSERT_TRUE(store.hold("abc", "died again \xFF"));
  EXPECT_EQ(open().held("abc"), "died again \\xFF");
  EXPECT_EQ(store.held("def"), "unhealthy");
  ASSERT_TRUE(store.release_hold("abc"));
  ASSERT_TRUE(store.release_hold("never held"));
  EXPECT_FALSE(open().held("abc"));
  EXPECT_TRUE(store.held("def"));
}

TEST_F(StoreTest, TornHeldCountsAsAbsent) {
  Store store = open();
  for (const char* torn : {"", "{\"held\":[{", "{\"held\":{}}", "7"}) {
    ASSERT_TRUE(store.hold("abc", "x"));
    make_file(state_ / "held.json", torn);
    EXPECT_FALSE(store.held("abc")) << torn;
  }
}

TEST_F(StoreTest, HeldReleasesAreForgottenSomeDay) {
  Store store = open();
  for (int i = 0; i < 101; ++i) {
    ASSERT_TRUE(store.hold(std::to_string(i), "x"));
  }
  EXPECT_FALSE(store.held("0"));
  EXPECT_TRUE(store.held("1"));
  EXPECT_TRUE(store.held("100"));
}

TEST_F(StoreTest, PruneKeepsTheNewestCommittedAndWhatIsInUse) {
  Store store = open();
  std::vector<std::string> ids;
  for (const char* bytes : {"one", "two", "three", "four", "five", "never"}) {
    ids.push_back(stage(store, bytes).id);
  }
  // Two is committed again after three.
  for (const int i : {0, 1, 2, 1, 3, 4}) {
    ASSERT_TRUE(store.set_current({ids[static_cast<std::size_t>(i)], 1, 1}));
  }
  store.prune(2, {ids[0]});
  EXPECT_TRUE(store.find(ids[0])) << "in use";
  EXPECT_TRUE(store.find(ids[4])) << "current";
  EXPECT_TRUE(store.find(ids[3]));
  EXPECT_TRUE(store.find(ids[1]));
  EXPECT_FALSE(store.find(ids[2]));
  EXPECT_FALSE(store.find(ids[5])) << "never committed";
  EXPECT_THAT(entries_of_releases(), testing::SizeIs(8));

  store.prune(0, {});
  EXPECT_THAT(entries_of_releases(), testing::SizeIs(2));
  EXPECT_TRUE(store.find(ids[4]));
}

TEST_F(StoreTest, CommittingOneReleaseAgainAndAgainForgetsNoOther) {
  Store store = open();
  const std::string old = stage(store, "old").id;
  const std::string current = stage(store, "current").id;
  ASSERT_TRUE(store.set_current({old, 1, 1}));
  for (std::uint32_t generation = 2; generation < 70; ++generation) {
    ASSERT_TRUE(store.set_current({current, generation, 1}));
  }
  stage(store, "never committed");
  store.prune(1, {});
  EXPECT_TRUE(store.find(old));
}

TEST_F(StoreTest, PruneLeavesWhatIsNoRelease) {
  Store store = open();
  make_file(state_ / "releases" / "notes", "x");
  store.prune(0, {});
  EXPECT_TRUE(fs::exists(state_ / "releases" / "notes"));
}

TEST_F(StoreTest, StateFolderThatCannotBeUsedIsOneClearLine) {
  make_file(folder_ / "file", "x");
  for (const char* name : {"file", "file/below"}) {
    const auto store = Store::open(folder_ / name);
    ASSERT_FALSE(store) << name;
    EXPECT_THAT(store.error().text(), HasSubstr("cannot "));
    EXPECT_THAT(store.error().text(), HasSubstr("file"));
    EXPECT_THAT(store.error().text(), Not(HasSubstr("\n")));
  }
}

}  // namespace
}  // namespace relaunch::release
