#include "common/base/address.hpp"

#include <gmock/gmock.h>

#include <string>

namespace relaunch {
namespace {

using testing::HasSubstr;

TEST(Address, KeepsItsTextInOneForm) {
  const struct {
    const char* asked;
    const char* text;
  } cases[] = {
      {"tcp://127.0.0.1:8080", "tcp://127.0.0.1:8080"},
      {"tcp://0.0.0.0:0", "tcp://0.0.0.0:0"},
      {"tcp://[::1]:443", "tcp://[::1]:443"},
      {"tcp://[0:0:0:0:0:0:0:1]:00443", "tcp://[::1]:443"},
      {"tcp://[::]:65535", "tcp://[::]:65535"},
      {"tcp://[2001:DB8::1]:1", "tcp://[2001:db8::1]:1"},
  };
  for (const auto& each : cases) {
    const auto address = Address::parse(each.asked);
    ASSERT_TRUE(address) << address.error().text();
    EXPECT_EQ(address->text(), each.text);
  }
}

TEST(Address, TellsWhatItIs) {
  const auto v4 = Address::parse("tcp://127.9.0.1:80").value();
  EXPECT_FALSE(v4.is_v6());
  EXPECT_TRUE(v4.is_loopback());
  EXPECT_EQ(v4.port(), 80);
  EXPECT_EQ(v4.native_size(), 16u);
  const auto v6 = Address::parse("tcp://[::]:0").value();
  EXPECT_TRUE(v6.is_v6());
  EXPECT_FALSE(v6.is_loopback());
  EXPECT_EQ(v6.port(), 0);
  EXPECT_EQ(v6.native_size(), 28u);
  EXPECT_TRUE(Address::parse("tcp://[::1]:0")->is_loopback());
}

TEST(Address, SurvivesTheWayThroughASocketAddress) {
  for (const char* text : {"tcp://10.1.2.3:4", "tcp://[2001:db8::5]:6"}) {
    const auto address = Address::parse(text).value();
    const auto back =
        Address::from_native(address.native(), address.native_size());
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, address);
    EXPECT_EQ(back->text(), text);
  }
}

TEST(Address, IsEqualOnlyIfItWasAskedForAlike) {
  const auto any = Address::parse("tcp://127.0.0.1:0").value();
  EXPECT_EQ(any, Address::parse("tcp://127.0.0.1:0").value());
  EXPECT_FALSE(any == Address::parse("tcp://127.0.0.1:80").value());
  EXPECT_FALSE(any == Address::parse("tcp://0.0.0.0:0").value());
}

TEST(Address, RefusesWhatIsNotNumericOrNotWhole) {
  for (const char* text : {"",
                           "tcp://",
                           "127.0.0.1:80",
                           "udp://127.0.0.1:80",
                           "pipe://app",
                           "TCP://127.0.0.1:1",
                           "tcp://localhost:80",
                           "tcp://127.0.0.1",
                           "tcp://127.0.0.1:",
                           "tcp://127.0.0.1:65536",
                           "tcp://127.0.0.1:-1",
                           "tcp://127.0.0.1:+1",
                           "tcp://127.0.0.1:80 ",
                           "tcp://127.0.0.1:0x50",
                           "tcp://127.1:80",
                           "tcp://010.0.0.1:80",
                           "tcp://256.0.0.1:80",
                           "tcp://1.2.3.4.5:80",
                           "tcp://1.2.3.:80",
                           "tcp://::1:80",
                           "tcp://[::1]",
                           "tcp://[::1]80",
                           "tcp://[::1:80",
                           "tcp://[]:80",
                           "tcp://[127.0.0.1]:80",
                           "tcp://[:80",
                           "tcp://:80",
                           "tcp://[::1/64]:80",
                           "tcp://[[::1]]:80",
                           "tcp://[fe80::1%no such interface]:80",
                           "tcp://[::1%]:80",
                           "tcp://[g::]:1"}) {
    const auto address = Address::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code(), errc::invalid_argument) << text;
  }
}

TEST(Address, RefusalSaysWhatIsWrongAndShowsAnExample) {
  const auto address = Address::parse("tcp://local\nhost:80");
  ASSERT_FALSE(address);
  EXPECT_THAT(address.error().text(), HasSubstr(R"('tcp://local\x0Ahost:80')"));
  EXPECT_THAT(address.error().text(), HasSubstr("no numeric IP address"));
  EXPECT_THAT(address.error().text(), HasSubstr("e.g. tcp://127.0.0.1:8080"));
}

TEST(Address, TellsWhichKindOfUnixSocketIsMeant) {
  using Kind = Address::Kind;
  const struct {
    const char* text;
    Kind kind;
    const char* path;
  } cases[] = {
      {"unix:///run/app.sock", Kind::unix_stream, "/run/app.sock"},
      {"unix-seqpacket:///run/app.sock", Kind::unix_seqpacket, "/run/app.sock"},
      {"unix-datagram:///run/a b:0", Kind::unix_datagram, "/run/a b:0"},
      {"unix-abstract://app/1", Kind::unix_stream, ""},
  };
  for (const auto& each : cases) {
    const auto address = Address::parse(each.text);
    ASSERT_TRUE(address) << address.error().text();
    EXPECT_EQ(address->text(), each.text);
    EXPECT_EQ(address->kind(), each.kind) << each.text;
    EXPECT_EQ(address->path(), each.path) << each.text;
    EXPECT_TRUE(address->is_unix());
    EXPECT_EQ(address->port(), 0);
    const auto back = Address::from_native(address->native(),
                                           address->native_size(), each.kind);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, *address);
    EXPECT_EQ(back->kind(), each.kind);
  }
  EXPECT_FALSE(Address::parse("tcp://127.0.0.1:1")->is_unix());
}

TEST(Address, RefusesAUnixSocketThatIsNotAtAnAbsolutePath) {
  const std::string longest = "unix:///" + std::string(106, 'x');
  EXPECT_TRUE(Address::parse(longest));
  EXPECT_TRUE(Address::parse("unix-abstract://" + std::string(106, 'x')));
  using namespace std::string_literals;
  for (const std::string& text :
       {"unix://"s, "unix://app.sock"s, "unix:/run/app.sock"s, "unix:///run/"s,
        "unix:///"s, "unix:///a\0b"s, "unix:///a\nb"s, "unix:///\xff"s,
        longest + 'x', "unix-abstract://"s,
        "unix-abstract://" + std::string(107, 'x'), "unix-abstract://a\0"s,
        "unix-seqpacket://@app"s, "UNIX:///run/app.sock"s}) {
    const auto address = Address::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code(), errc::invalid_argument) << text;
  }
}

TEST(Address, AbstractNameIsRefusedUnlessItIsAskedForAsSuch) {
  const auto address = Address::parse("unix://@app");
  ASSERT_FALSE(address);
  EXPECT_THAT(address.error().text(),
              HasSubstr("no permissions, so that anybody may connect"));
  EXPECT_THAT(address.error().text(), HasSubstr("unix-abstract://NAME"));
}

TEST(Address, NamedPipeIsRefusedAndTheRefusalSaysWhy) {
  const auto address = Address::parse("pipe://app");
  ASSERT_FALSE(address);
  EXPECT_THAT(
      address.error().text(),
      HasSubstr("a named pipe cannot be taken over without refusing clients"));
}

TEST(Address, UnixSocketsOfTheSystemHaveANameThatCanBeAskedFor) {
  const auto path = Address::parse("unix:///run/app.sock").value();
  // As getsockname() fills it in: with or without the NUL behind the path.
  const std::size_t bare = 2 + path.path().size();
  EXPECT_EQ(Address::from_native(path.native(), bare).value(), path);
  EXPECT_EQ(Address::from_native(path.native(), bare + 1).value(), path);
  EXPECT_FALSE(Address::from_native(path.native(), 2));  // it has none
  const auto abstract = Address::parse("unix-abstract://app").value();
  const auto native = abstract.native();
  const std::size_t size = abstract.native_size();
  EXPECT_FALSE(
      Address::from_native(native, size, Address::Kind::unix_datagram));
  EXPECT_FALSE(Address::from_native(native, size + 1));  // another name
}

TEST(Address, RefusesSocketAddressesOfOtherKinds) {
  const auto address = Address::parse("tcp://[::1]:80").value();
  EXPECT_FALSE(Address::from_native(address.native(), 16));
  EXPECT_FALSE(Address::from_native(address.native(), 2));
  EXPECT_FALSE(Address::from_native(address.native(), 0));
  alignas(8) const unsigned char unknown[28] = {0xFE, 0x00};
  EXPECT_FALSE(Address::from_native(unknown, sizeof unknown));
  EXPECT_FALSE(Address::from_native(unknown, 1000));
}

}  // namespace
}  // namespace relaunch
