// Who is kept out of a control endpoint on POSIX.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "common/base/text.hpp"
#include "control/served_target.hpp"
#include "support/child.hpp"

namespace relaunch::control {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// "nobody" of most systems; any user but this one would do.
constexpr uid_t kStranger = 65'534;

struct Try {
  Result<std::unique_ptr<Server>> server;
  std::error_code code() const {
    return server ? std::error_code{} : server.error().code();
  }
};
class KeptOut : public testing::Test {
 protected:
  Try open() { return {Server::open(io_, folder_, target_, {})}; }
  fs::path socket() const { return folder_ / "control.sock"; }
  void make_folder(mode_t mode = 0700) const {
    ASSERT_EQ(mkdir(folder_.c_str(), mode), 0);
    ASSERT_EQ(chmod(folder_.c_str(), mode), 0);
  }
  os::Handle bind_here(bool listens) const {
    os::Handle bound{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, socket().c_str(), sizeof at.sun_path - 1);
    EXPECT_EQ(
        bind(bound.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at),
        0);
    if (listens) {
      EXPECT_EQ(listen(bound.get(), 8), 0);
    }
    return bound;
  }

  test::ScratchFolder scratch_;
  fs::path folder_ = scratch_ / "run";
  boost::asio::io_context io_;
  FakeTarget target_;
};

TEST_F(KeptOut, SocketAndFolderAreForTheirOwnerOnly) {
  const auto tried = open();
  ASSERT_FALSE(tried.code());
  struct stat facts {};
  ASSERT_EQ(stat(folder_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0700u);
  ASSERT_EQ(lstat(socket().c_str(), &facts), 0);
  EXPECT_TRUE(S_ISSOCK(facts.st_mode));
  EXPECT_EQ(facts.st_mode & 07777, 0600u);
}

TEST_F(KeptOut, AFolderThatOthersCanEnterIsRefused) {
  make_folder(0755);
  EXPECT_TRUE(open().code());
  EXPECT_FALSE(fs::exists(socket()));
}

TEST_F(KeptOut, AFolderOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  make_folder();
  ASSERT_EQ(chown(folder_.c_str(), kStranger, kStranger), 0);
  EXPECT_TRUE(open().code());
}

TEST_F(KeptOut, AFolderThatIsALinkIsRefused) {
  make_folder();
  fs::create_directory_symlink(folder_, scratch_ / "link");
  folder_ = scratch_ / "link";
  EXPECT_TRUE(open().code());
}

TEST_F(KeptOut, ALockThatIsALinkIsNotFollowed) {
  make_folder();
  fs::create_symlink(scratch_ / "elsewhere", folder_ / "lock");
  EXPECT_TRUE(open().code());
  EXPECT_FALSE(fs::exists(scratch_ / "elsewhere"));
}

TEST_F(KeptOut, ALinkInTheSocketsPlaceIsRefusedAndStays) {
  make_folder();
  fs::create_symlink(scratch_ / "elsewhere", socket());
  EXPECT_EQ(open().code(), std::errc::file_exists);
  EXPECT_TRUE(fs::is_symlink(socket()));
}

TEST_F(KeptOut, AFileInTheSocketsPlaceIsRefusedAndStays) {
  make_folder();
  test::write_file(socket(), "mine");
  EXPECT_EQ(open().code(), std::errc::file_exists);
  EXPECT_EQ(test::file_content(socket()), "mine");
}

TEST_F(KeptOut, ASocketOfAnotherUserIsRefusedAndStays) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a socket away";
  make_folder();
  const auto squatting = bind_here(true);
  ASSERT_EQ(lchown(socket().c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(open().code(), std::errc::file_exists);
  EXPECT_TRUE(fs::exists(socket()));
}

TEST_F(KeptOut, AStaleSocketIsReplaced) {
  make_folder();
  bind_here(true).reset();  // its file stays
  ASSERT_TRUE(fs::exists(socket()));
  EXPECT_FALSE(open().code());
}

TEST_F(KeptOut, ALiveSocketIsLeftAloneEvenWithoutALock) {
  make_folder();
  const auto living = bind_here(true);
  EXPECT_EQ(open().code(), errc::busy);
  EXPECT_TRUE(fs::exists(socket()));
}

TEST_F(KeptOut, OnlyTheSocketThatWasBoundIsRemovedAtTheEnd) {
  auto tried = open();
  ASSERT_FALSE(tried.code());
  fs::remove(socket());
  test::write_file(socket(), "another's");
  tried.server.value().reset();
  EXPECT_EQ(test::file_content(socket()), "another's");
}

TEST_F(KeptOut, NothingIsLeftInTheSocketsPlaceAtTheEnd) {
  auto tried = open();
  ASSERT_FALSE(tried.code());
  tried.server.value().reset();
  EXPECT_FALSE(fs::exists(socket()));
  EXPECT_FALSE(open().code());
}

TEST_F(KeptOut, APathThatIsTooLongIsNamed) {
  folder_ = scratch_ / std::string(120, 'x');
  const auto tried = open();
  ASSERT_TRUE(tried.code());
  EXPECT_THAT(tried.server.error().text(), HasSubstr("limit"));
}

// other users ----------------------------------------------------------------

void become_stranger() {
  if (setgid(kStranger) != 0 || setuid(kStranger) != 0) _exit(99);
}

RELAUNCH_CHILD_MAIN(asks_as_a_stranger) {
  // The program's file may be out of reach for anybody else: all that is
  // needed is loaded by now.
  become_stranger();
  for (int i = 0; i <= static_cast<int>(kLastVerb); ++i) {
    Request request;
    request.verb = static_cast<Verb>(i);
    const auto answer = call(args.at(0), request, kDeadline);
    test::say(answer ? answer->error.text() + answer->text
                     : answer.error().text());
  }
  return 0;
}

TEST_F(KeptOut, AnotherUserCannotReachIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  ServedTarget served;
  const auto child = test::run_child(
      test::child_request("asks_as_a_stranger", {served.address()}));
  EXPECT_EQ(child.status.code, 0u);
  EXPECT_THAT(child.output, HasSubstr("connect: Permission denied"));
  EXPECT_EQ(served.target.noted(), "");
}

// As if the rights of folder and socket had been widened by mistake.
TEST_F(KeptOut, AnotherUserWhoReachesItMayNothing) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  ServedTarget served;
  for (fs::path path = served.address();
       path != fs::temp_directory_path() && path.has_relative_path();
       path = path.parent_path()) {
    ASSERT_EQ(chmod(path.c_str(), 0777), 0) << path;
  }
  const auto child = test::run_child(
      test::child_request("asks_as_a_stranger", {served.address()}));
  std::size_t refusals = 0;
  for (std::size_t at = child.output.find("may not ask for '");
       at != std::string::npos;
       at = child.output.find("may not ask for '", at + 1)) {
    ++refusals;
  }
  EXPECT_EQ(refusals, static_cast<std::size_t>(kLastVerb) + 1) << child.output;
  EXPECT_EQ(served.target.noted(), "");
  EXPECT_TRUE(served.target.orders.empty());
}

RELAUNCH_CHILD_MAIN(serves_as_a_stranger) {
  become_stranger();
  const int bound = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, args.at(0).c_str(), sizeof at.sun_path - 1);
  if (bind(bound, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      listen(bound, 8) != 0) {
    return 1;
  }
  boost::asio::io_context io;
  os::Channel test{io, test::inherited_channel_end()};
  test.start([](const os::Received&) {}, [&](const Error&) { io.stop(); });
  test.send({"serving", {}, {}, 0});
  io.run_for(kDeadline);
  return 0;
}

TEST_F(KeptOut, ACommandTellsNothingToAnotherUsersSocket) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  make_folder(0777);
  ASSERT_EQ(chmod(scratch_.path().c_str(), 0755), 0);
  auto child = test::start_linked(
      io_, test::child_request("serves_as_a_stranger", {socket().string()}));
  bool serving = false;
  child.channel.start(
      [&](const os::Received&) {
        serving = true;
        io_.stop();
      },
      [&](const Error&) { io_.stop(); });
  io_.run_for(kDeadline);
  ASSERT_TRUE(serving);
  const auto answer = call(socket().string(), Request{}, kDeadline);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), errc::not_permitted)
      << answer.error().text();
  child.process.kill();
}

}  // namespace
}  // namespace relaunch::control
