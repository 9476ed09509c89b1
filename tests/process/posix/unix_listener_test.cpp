// Listeners at a path: what stands there before, what stays behind.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "common/base/text.hpp"
#include "common/handover/listeners.hpp"
#include "common/os/listener.hpp"
#include "relaunch/asio.hpp"
#include "support/event_wait.hpp"
#include "support/raw_stream.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class UnixListener : public testing::Test {
 protected:
  /// Of a path in the folder of this test.
  Address at(std::string_view scheme = "unix") const {
    return Address::parse(text::cat(scheme, "://", path())).value();
  }
  std::string path() const { return folder_ / "app.sock"; }
  void expect_only_the_socket() const {
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      EXPECT_EQ(entry.path(), path());
    }
  }
  void expect_in_use(const Result<os::Socket>& second) const {
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), std::errc::address_in_use);
    EXPECT_THAT(second.error().text(), HasSubstr(path()));
  }

  ScratchFolder folder_;
};

TEST_F(UnixListener, OfEachKindIsOpenedAtItsPathAndCheckedForIt) {
  for (const char* scheme : {"unix", "unix-seqpacket", "unix-datagram"}) {
    const Address address = at(scheme);
    std::string file;
    const auto listener = os::open_listener(address, &file).value();
    EXPECT_EQ(os::local_address(listener.get()).value(), address);
    EXPECT_EQ(os::check_listener(listener.get(), address).value(), address);
    EXPECT_TRUE(os::is_listening(listener.get()).value());
    EXPECT_NE(::fcntl(listener.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(::fcntl(listener.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_TRUE(os::has_listener_file(address, file));
    expect_only_the_socket();
    for (const char* other : {"unix", "unix-seqpacket", "unix-datagram"}) {
      const bool same = std::string_view(other) == scheme;
      EXPECT_EQ(os::check_listener(listener.get(), at(other)).has_value(), same)
          << scheme << " taken for " << other;
    }
    EXPECT_FALSE(os::check_listener(
        listener.get(), Address::parse("tcp://127.0.0.1:0").value()));
    os::remove_listener_file(address, file);
    EXPECT_FALSE(fs::exists(path()));
  }
}

TEST_F(UnixListener, StreamServesItsClients) {
  const auto listener = os::open_listener(at()).value();
  const auto client = connect_raw(at());
  const auto server = accept_one(listener.get());
  ASSERT_TRUE(server);
  send_raw(client.get(), "hello");
  EXPECT_EQ(receive_raw(server.get(), 5), "hello");
}

TEST_F(UnixListener, DatagramsWaitInItForWhoeverReadsThem) {
  const Address address = at("unix-datagram");
  const auto listener = os::open_listener(address).value();
  const os::Socket client{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ASSERT_EQ(::sendto(client.get(), "news", 4, MSG_NOSIGNAL,
                     static_cast<const sockaddr*>(address.native()),
                     static_cast<socklen_t>(address.native_size())),
            4);
  EXPECT_EQ(receive_some_raw(listener.get(), 10), "news");
}

TEST_F(UnixListener, WhatIsBoundButDoesNotAcceptIsNotAdopted) {
  const Address address = at();
  const os::Socket bound{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  ASSERT_EQ(::bind(bound.get(), static_cast<const sockaddr*>(address.native()),
                   static_cast<socklen_t>(address.native_size())),
            0);
  EXPECT_FALSE(os::check_listener(bound.get(), address));
}

TEST_F(UnixListener, PathOfAKilledProcessIsTakenOver) {
  for (const char* scheme : {"unix", "unix-seqpacket", "unix-datagram"}) {
    { const auto killed = os::open_listener(at(scheme)).value(); }
    EXPECT_TRUE(fs::is_socket(path()));
    std::string file;
    const auto listener = os::open_listener(at(scheme), &file);
    ASSERT_TRUE(listener) << listener.error().text();
    expect_only_the_socket();
    os::remove_listener_file(at(scheme), file);
  }
}

TEST_F(UnixListener, PathThatSomebodyServesIsInUseAndStays) {
  for (const char* scheme : {"unix", "unix-seqpacket", "unix-datagram"}) {
    std::string file;
    const auto first = os::open_listener(at(scheme), &file).value();
    for (const char* other : {"unix", "unix-seqpacket", "unix-datagram"}) {
      expect_in_use(os::open_listener(at(other)));
    }
    EXPECT_TRUE(os::has_listener_file(at(scheme), file));
    os::remove_listener_file(at(scheme), file);
  }
}

TEST_F(UnixListener, PathWithAFullQueueIsInUse) {
  const auto first = os::open_listener(at()).value();
  ASSERT_EQ(::listen(first.get(), 0), 0);
  std::vector<os::Socket> waiting;
  const Address address = at();
  int failed = 0;
  while (failed == 0 && waiting.size() < 100) {
    waiting.emplace_back(
        ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    failed = ::connect(waiting.back().get(),
                       static_cast<const sockaddr*>(address.native()),
                       static_cast<socklen_t>(address.native_size()));
  }
  ASSERT_EQ(errno, EAGAIN);
  expect_in_use(os::open_listener(at()));
}

TEST_F(UnixListener, WhatIsNoSocketIsRefusedAndStays) {
  write_file(path(), "somebody's");
  const auto listener = os::open_listener(at());
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code(), std::errc::file_exists);
  EXPECT_THAT(listener.error().text(), HasSubstr("it is no socket"));
  EXPECT_EQ(file_content(path()), "somebody's");
}

TEST_F(UnixListener, LinkToAStaleSocketIsRefusedAndStays) {
  const std::string target = folder_ / "target.sock";
  const auto stale = Address::parse("unix://" + target).value();
  { const auto killed = os::open_listener(stale).value(); }
  fs::create_symlink(target, path());
  EXPECT_FALSE(os::open_listener(at()));
  EXPECT_TRUE(fs::is_symlink(path()));
  EXPECT_TRUE(fs::is_socket(target));
}

TEST_F(UnixListener, TwoThatOpenItAtTheSameTimeDoNotDisturbEachOther) {
  { const auto killed = os::open_listener(at()).value(); }
  const std::string lock_path = path() + ".lock";
  write_file(lock_path, "");
  os::Handle lock{::open(lock_path.c_str(), O_RDWR | O_CLOEXEC)};
  ASSERT_EQ(::flock(lock.get(), LOCK_EX | LOCK_NB), 0);
  expect_in_use(os::open_listener(at()));
  lock.reset();
  EXPECT_TRUE(os::open_listener(at()));
  // Whoever has made it removes it.
  EXPECT_TRUE(fs::exists(lock_path));
}

TEST_F(UnixListener, LockIsNotLookedForBehindALink) {
  const std::string target = folder_ / "somebody's";
  write_file(target, "somebody's");
  fs::create_symlink(target, path() + ".lock");
  EXPECT_FALSE(os::open_listener(at()));
  EXPECT_EQ(file_content(target), "somebody's");
}

TEST_F(UnixListener, PathThatSomebodyElseHasReplacedIsLeftAlone) {
  std::string file;
  const auto listener = os::open_listener(at(), &file).value();
  ASSERT_TRUE(fs::remove(path()));
  EXPECT_FALSE(os::has_listener_file(at(), file));
  std::string others;
  const auto another = os::open_listener(at(), &others).value();
  os::remove_listener_file(at(), file);
  EXPECT_TRUE(os::has_listener_file(at(), others));
  os::remove_listener_file(at(), "");
  os::remove_listener_file(at(), "nonsense");
  EXPECT_TRUE(os::has_listener_file(at(), others));
}

TEST_F(UnixListener, IsAdoptedOnlyWithAFileThatIsOne) {
  std::string file;
  const auto listener = os::open_listener(at(), &file).value();
  for (const std::string& wrong :
       {std::string{"1"}, std::string{"1.x"}, std::string{".1"}, file + ":x",
        file + "/x", file + "\n"}) {
    handover::ListenerSet set{[](const auto&) {}};
    const auto adopted = set.adopt({"local", 0, at().text(), false, wrong},
                                   os::Socket{::dup(listener.get())});
    ASSERT_FALSE(adopted) << wrong;
    EXPECT_EQ(adopted.error().code(), make_error_code(errc::malformed_frame));
  }
  handover::ListenerSet set{[](const auto&) {}};
  EXPECT_TRUE(set.adopt({"local", 0, at().text(), false, file},
                        os::Socket{::dup(listener.get())}));
  set.remove_files([](const auto& each) { return !each.inherited; });
  EXPECT_TRUE(fs::exists(path()));
  set.remove_files([](const auto& each) { return each.inherited; });
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(UnixListener, FolderThatIsNotThereIsAnError) {
  const auto nowhere =
      Address::parse(text::cat("unix://", folder_ / "no/app.sock")).value();
  const auto listener = os::open_listener(nowhere);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code(), std::errc::no_such_file_or_directory);
}

TEST_F(UnixListener, AbstractOneHasNoFileAndItsNameIsExclusive) {
  const auto address =
      Address::parse(text::cat("unix-abstract://", path())).value();
  std::string file = "nonsense";
  const auto listener = os::open_listener(address, &file).value();
  EXPECT_EQ(file, "");
  EXPECT_TRUE(fs::is_empty(folder_.path()));
  EXPECT_EQ(os::check_listener(listener.get(), address).value(), address);
  EXPECT_FALSE(os::check_listener(listener.get(), at()));
  const auto second = os::open_listener(address);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), std::errc::address_in_use);
}

TEST_F(UnixListener, ThatWasShutDownSaysSoAndCannotListenAgain) {
  for (const char* scheme : {"unix", "unix-seqpacket", "unix-datagram"}) {
    std::string file;
    const auto listener = os::open_listener(at(scheme), &file).value();
    shut_down(listener.get());
    EXPECT_FALSE(os::is_listening(listener.get()).value()) << scheme;
    const auto again = os::listen_again(listener.get(), at(scheme));
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error().text(), HasSubstr("that was shut down stays so"));
    os::remove_listener_file(at(scheme), file);
  }
}

// The acceptor ---------------------------------------------------------------

class LocalAcceptor : public UnixListener {
 protected:
  /// The acceptor borrows its socket from the test.
  void open(const Address& address) {
    socket_ = os::open_listener(address).value();
    impl_ = std::make_shared<Listener::Impl>(Listener::Impl{
        "local", address, address.text(), false, os::Socket(socket_.get()),
        [this](AcceptHooks hooks) { hooks_ = std::move(hooks); }});
  }
  void TearDown() override {
    if (impl_) static_cast<void>(impl_->socket.release());
  }

  boost::asio::io_context io_;
  os::Socket socket_;
  std::shared_ptr<Listener::Impl> impl_;
  AcceptHooks hooks_;
};

TEST_F(LocalAcceptor, AcceptsOrdinarySocketsWhileItHasTheTurn) {
  using boost::asio::local::stream_protocol;
  for (const std::string& asked :
       {at().text(), text::cat("unix-abstract://", path())}) {
    open(Address::parse(asked).value());
    relaunch::asio::LocalAcceptor acceptor{io_, Listener{impl_}};
    std::optional<stream_protocol::socket> accepted;
    acceptor.async_accept(
        [&](boost::system::error_code error, stream_protocol::socket peer) {
          ASSERT_FALSE(error) << error.message();
          accepted.emplace(std::move(peer));
        });
    const auto client = connect_raw(Address::parse(asked).value());
    run_ready(io_);
    EXPECT_FALSE(accepted);
    hooks_.resume();
    ASSERT_TRUE(wait_until(io_, [&] { return accepted.has_value(); }));
    boost::asio::write(*accepted, boost::asio::buffer("hello", 5));
    EXPECT_EQ(receive_raw(client.get(), 5), "hello");
    static_cast<void>(impl_->socket.release());
  }
}

TEST_F(LocalAcceptor, OneOfTheWrongKindIsRefused) {
  open(at());
  EXPECT_THROW(relaunch::asio::Acceptor(io_, Listener{impl_}), Error);
  TearDown();
  open(Address::parse("tcp://127.0.0.1:0").value());
  EXPECT_THROW(relaunch::asio::LocalAcceptor(io_, Listener{impl_}), Error);
  TearDown();
  open(at("unix-seqpacket"));
  EXPECT_THROW(relaunch::asio::LocalAcceptor(io_, Listener{impl_}), Error);
}

}  // namespace
}  // namespace relaunch::test
