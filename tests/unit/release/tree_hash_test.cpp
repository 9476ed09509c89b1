#include "common/release/tree_hash.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "common/os/system.hpp"
#include "unit/release/artifact_files.hpp"

namespace relaunch::release {
namespace {

namespace fs = std::filesystem;
using test::make_file;
using test::make_link;
using test::make_program;
using testing::HasSubstr;

const std::atomic<bool> kGoOn{false};

std::string id_of(const fs::path& root) {
  const auto id = hash_tree(root, kGoOn);
  return id ? *id : id.error().text();
}

void make_tree(const fs::path& root) {
  make_program(root / "bin" / "server", "program");
  make_file(root / "lib" / "a.so", "library");
  make_file(root / "empty", "");
}

TEST(TreeHash, IsThirtyTwoHexDigits) {
  test::ScratchFolder folder;
  make_file(folder / "a", "x");
  EXPECT_THAT(id_of(folder / "a"), testing::SizeIs(32));
  EXPECT_EQ(id_of(folder / "a").find_first_not_of("0123456789abcdef"),
            std::string::npos);
}

TEST(TreeHash, IsTheSameOnEverySystemAndInEveryRelease) {
  test::ScratchFolder folder;
  make_file(folder / "tree" / "b" / "c", "content\n");
  make_file(folder / "tree" / "a", "");
  // A program on Windows, where every file is.
  fs::permissions(folder / "tree" / "a", fs::perms::owner_exec,
                  fs::perm_options::add);
  fs::permissions(folder / "tree" / "b" / "c", fs::perms::owner_exec,
                  fs::perm_options::add);
  EXPECT_EQ(id_of(folder / "tree"), "23b820ffa360ea00d5863166641cc648");
}

TEST(TreeHash, SameBytesHaveTheSameIdWherever) {
  test::ScratchFolder folder;
  make_tree(folder / "one");
  make_tree(folder / "two");
  EXPECT_EQ(id_of(folder / "one"), id_of(folder / "two"));
}

TEST(TreeHash, EveryChangeOfContentMakesAnotherId) {
  test::ScratchFolder folder;
  const fs::path root = folder / "tree";
  make_tree(root);
  const std::string id = id_of(root);

  make_file(root / "lib" / "a.so", "librarz");
  EXPECT_NE(id_of(root), id);
  make_file(root / "lib" / "a.so", "library");
  EXPECT_EQ(id_of(root), id);

  fs::rename(root / "lib" / "a.so", root / "lib" / "b.so");
  EXPECT_NE(id_of(root), id);
  fs::rename(root / "lib" / "b.so", root / "a.so");
  EXPECT_NE(id_of(root), id);
  fs::rename(root / "a.so", root / "lib" / "a.so");
  EXPECT_EQ(id_of(root), id);

  fs::create_directory(root / "folder");
  EXPECT_NE(id_of(root), id);
  fs::remove(root / "folder");
  make_file(root / "empty", "\n");
  EXPECT_NE(id_of(root), id);
}

TEST(TreeHash, AnotherExecutableBitIsAnotherId) {
  test::ScratchFolder folder;
  const fs::path file = folder / "a";
  make_program(file, "x");
  fs::permissions(file, fs::perms::owner_exec, fs::perm_options::remove);
  if (os::is_executable(file)) GTEST_SKIP() << "no executable bit here";
  const std::string plain = id_of(file);
  fs::permissions(file, fs::perms::owner_exec, fs::perm_options::add);
  EXPECT_NE(id_of(file), plain);
}

TEST(TreeHash, RightsThatDoNotMatterAreNoChange) {
  test::ScratchFolder folder;
  make_file(folder / "a", "x");
  const std::string id = id_of(folder / "a");
  fs::permissions(folder / "a", fs::perms::owner_write,
                  fs::perm_options::remove);
  EXPECT_EQ(id_of(folder / "a"), id);
  fs::permissions(folder / "a", fs::perms::owner_write, fs::perm_options::add);
}

TEST(TreeHash, AFileIsATreeOfOneEntry) {
  test::ScratchFolder folder;
  make_program(folder / "tree" / "server", "x");
  EXPECT_EQ(id_of(folder / "tree"), id_of(folder / "tree" / "server"));
}

TEST(TreeHash, ContentCannotPassForAnotherTree) {
  test::ScratchFolder folder;
  make_file(folder / "one" / "a", "bc");
  make_file(folder / "two" / "ab", "c");
  make_file(folder / "three" / "a", "b");
  make_file(folder / "three" / "c", "");
  EXPECT_NE(id_of(folder / "one"), id_of(folder / "two"));
  EXPECT_NE(id_of(folder / "one"), id_of(folder / "three"));
}

TEST(TreeHash, LinksCountByWhereTheyLead) {
  test::ScratchFolder folder;
  make_file(folder / "tree" / "a", "x");
  make_file(folder / "tree" / "b", "x");
  if (!make_link("a", folder / "tree" / "link")) GTEST_SKIP() << "no links";
  const std::string id = id_of(folder / "tree");
  fs::remove(folder / "tree" / "link");
  make_link("b", folder / "tree" / "link");
  EXPECT_NE(id_of(folder / "tree"), id);
}

TEST(TreeHash, ALinkToTheArtifactIsTheArtifact) {
  test::ScratchFolder folder;
  make_file(folder / "builds" / "server", "x");
  if (!make_link("builds", folder / "latest")) GTEST_SKIP() << "no links";
  EXPECT_EQ(id_of(folder / "latest"), id_of(folder / "builds"));
}

TEST(TreeHash, WhatARunningProgramLeftAsideDoesNotCount) {
  test::ScratchFolder folder;
  make_tree(folder / "tree");
  const std::string id = id_of(folder / "tree");
  make_file(folder / "tree" / "bin" / "server.relaunch-4121", "old");
  make_file(folder / "tree" / "bin" / "server.relaunch-4121-2", "old");
  EXPECT_EQ(id_of(folder / "tree"), id);
  make_file(folder / "tree" / "bin" / "server.relaunch-conf", "new");
  EXPECT_NE(id_of(folder / "tree"), id);
}

TEST(TreeHash, AnOpenFileHasTheIdOfTheFile) {
  const auto path = os::running_executable();
  ASSERT_TRUE(path) << path.error().text();
  const auto image = os::open_running_image();
  ASSERT_TRUE(image) << image.error().text();
  const std::string name = text::utf8(path->filename());
  const auto id = hash_open_file(image->get(), name, true);
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(*id, id_of(*path));
  // Wherever an earlier reader left it.
  EXPECT_EQ(hash_open_file(image->get(), name, true).value(), *id);
  EXPECT_NE(hash_open_file(image->get(), name, false).value(), *id);
  EXPECT_NE(hash_open_file(image->get(), "other", true).value(), *id);
}

TEST(TreeHash, CanBeCancelled) {
  test::ScratchFolder folder;
  make_file(folder / "a", "x");
  const std::atomic<bool> cancelled{true};
  const auto id = hash_tree(folder / "a", cancelled);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code(), errc::stopped);
}

TEST(TreeHash, WhatIsNotThereIsNamed) {
  test::ScratchFolder folder;
  const auto id = hash_tree(folder / "nothing", kGoOn);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code(), std::errc::no_such_file_or_directory);
  EXPECT_THAT(id.error().text(), HasSubstr("nothing"));
}

}  // namespace
}  // namespace relaunch::release
