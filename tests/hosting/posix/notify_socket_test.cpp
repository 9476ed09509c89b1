#include "common/supervisor/notify_socket.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

namespace asio = boost::asio;
using supervisor::NotifyMessage;
using supervisor::NotifySocket;
using testing::ElementsAre;
using testing::HasSubstr;

/// As sd_notify() sends it; with a descriptor along if there is one.
bool notify(const std::string& path, std::string_view text, int along = -1) {
  const os::Handle socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  iovec piece{const_cast<char*>(text.data()), text.size()};
  msghdr message = {};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    cmsghdr align;
  } control = {};
  if (along >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &along, sizeof along);
  }
  return ::sendmsg(socket.get(), &message, MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

struct Heard {
  explicit Heard(asio::io_context& context, const ScratchFolder& folder)
      : io(context),
        socket(NotifySocket::open(context, folder / "run").value()) {}

  void start(os::ProcessId speaker = os::own_process_id()) {
    socket.start(
        speaker,
        [this](const NotifyMessage& message) {
          said.push_back(message.status.value_or("none"));
        },
        [this](const std::string& why) { refused.push_back(why); });
  }
  void wait_for(std::size_t count) {
    wait_until(io, [&] { return said.size() >= count; });
  }

  asio::io_context& io;
  NotifySocket socket;
  std::vector<std::string> said;
  std::vector<std::string> refused;
};

TEST(NotifySocket, ProcessThatIsExpectedIsHeardInOrder) {
  const ScratchFolder folder;
  asio::io_context io;
  Heard heard{io, folder};
  ASSERT_TRUE(notify(heard.socket.address(), "STATUS=early"));
  heard.start();
  ASSERT_TRUE(notify(heard.socket.address(), "STATUS=late"));
  heard.wait_for(2);
  EXPECT_THAT(heard.said, ElementsAre("early", "late"));
  EXPECT_TRUE(heard.refused.empty());
}

RELAUNCH_CHILD_MAIN(speaks) {
  return notify(args.at(0), "STATUS=from a child") ? 0 : 1;
}

TEST(NotifySocket, OtherProcessesAreNotHeardAndReportedOnce) {
  const ScratchFolder folder;
  asio::io_context io;
  Heard heard{io, folder};
  heard.start();
  for (int i = 0; i < 2; ++i) {
    const auto child =
        run_child(child_request("speaks", {heard.socket.address()}));
    ASSERT_TRUE(child.status.success());
  }
  ASSERT_TRUE(notify(heard.socket.address(), "STATUS=own"));
  heard.wait_for(1);
  EXPECT_THAT(heard.said, ElementsAre("own"));
  ASSERT_EQ(heard.refused.size(), 1U);
  EXPECT_THAT(heard.refused[0], HasSubstr("a datagram from process "));
}

TEST(NotifySocket, WhatAChildSaidIsHeardAfterItsEnd) {
  const ScratchFolder folder;
  asio::io_context io;
  Heard heard{io, folder};
  auto child =
      os::launch(child_request("speaks", {heard.socket.address()})).value();
  heard.start(child.id());
  ASSERT_TRUE(wait_for_end(child));
  heard.socket.drain();
  EXPECT_THAT(heard.said, ElementsAre("from a child"));
  child.exit_status();
}

TEST(NotifySocket, DescriptorsThatComeAlongAreClosed) {
  const ScratchFolder folder;
  asio::io_context io;
  Heard heard{io, folder};
  heard.start();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const os::Handle reader{ends[0]};
  os::Handle writer{ends[1]};
  const auto before = list_open_handles().size();
  ASSERT_TRUE(notify(heard.socket.address(), "BARRIER=1", writer.get()));
  writer.reset();
  heard.wait_for(1);
  EXPECT_EQ(list_open_handles().size(), before - 1);
  // What sd_notify_barrier() waits for: nobody has the other end any more.
  char byte;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 0);
}

TEST(NotifySocket, WhatIsNoMessageIsReported) {
  const ScratchFolder folder;
  asio::io_context io;
  Heard heard{io, folder};
  heard.start();
  ASSERT_TRUE(notify(heard.socket.address(), std::string(10'000, 'x')));
  ASSERT_TRUE(notify(heard.socket.address(), "STATUS=good"));
  heard.wait_for(1);
  EXPECT_THAT(heard.said, ElementsAre("good"));
  ASSERT_EQ(heard.refused.size(), 1U);
  EXPECT_THAT(heard.refused[0], HasSubstr("that is no message"));
}

TEST(NotifySocket, NameIsItsOwnAndRemovedWithIt) {
  const ScratchFolder folder;
  asio::io_context io;
  std::string first_name;
  {
    Heard first{io, folder};
    Heard second{io, folder};
    first_name = first.socket.address();
    EXPECT_NE(first_name, second.socket.address());
    EXPECT_EQ(std::filesystem::status(folder / "run").permissions(),
              std::filesystem::perms::owner_all);
  }
  EXPECT_FALSE(std::filesystem::exists(first_name));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "run"));
}

TEST(NotifySocket, PathThatIsTooLongIsAnErrorWithTheLimit) {
  const ScratchFolder folder;
  asio::io_context io;
  const auto socket = NotifySocket::open(io, folder / std::string(100, 'x'));
  ASSERT_FALSE(socket);
  EXPECT_THAT(socket.error().text(), HasSubstr("limit is 107"));
}

TEST(NotifySocket, ThoseOfASupervisorThatWasKilledAreRemoved) {
  const ScratchFolder folder;
  write_file(folder / "notify-71-1", "");
  write_file(folder / "control.sock", "");
  NotifySocket::remove_stale(folder.path());
  EXPECT_FALSE(std::filesystem::exists(folder / "notify-71-1"));
  EXPECT_TRUE(std::filesystem::exists(folder / "control.sock"));
  NotifySocket::remove_stale(folder / "nowhere");
}

}  // namespace
}  // namespace relaunch::test
