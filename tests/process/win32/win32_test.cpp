// What only the Windows half promises.
#include "win32/win32.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// It needs the types of windows.h.
#include <aclapi.h>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "common/os/stop_request.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"
#include "win32/transfer.hpp"

namespace relaunch::test {
namespace {

namespace win32 = os::win32;
using testing::ElementsAre;
using testing::HasSubstr;

bool is_inheritable(native_handle handle) {
  DWORD flags = 0;
  return GetHandleInformation(handle, &flags) == 0 ||
         (flags & HANDLE_FLAG_INHERIT) != 0;
}

bool is_open(native_handle handle) {
  DWORD flags = 0;
  return GetHandleInformation(handle, &flags) != 0;
}

os::Handle open_event() {
  return win32::own(CreateEventW(nullptr, TRUE, FALSE, nullptr));
}

// An entry of a handle section.
std::string entry_of(std::uint64_t value) {
  std::string entry = "H";
  for (int i = 0; i != 8; ++i) {
    entry += static_cast<char>(value >> (8 * i) & 0xff);
  }
  return entry;
}

std::error_code adopting(std::string_view section, std::size_t count) {
  const auto handles = win32::adopt(section, count);
  return handles ? std::error_code{} : handles.error().code();
}

TEST(CommandLine, IsSplitAsTheCRuntimeDoesIt) {
  // https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
  const auto split = [](std::wstring_view arguments) {
    auto words =
        win32::split_command_line(L"\"C:\\a b\\\" " + std::wstring{arguments});
    EXPECT_EQ(words.front(), L"C:\\a b\\");
    words.erase(words.begin());
    return words;
  };
  EXPECT_THAT(split(LR"("abc" d e)"), ElementsAre(L"abc", L"d", L"e"));
  EXPECT_THAT(split(LR"(a\\b d"e f"g h)"),
              ElementsAre(LR"(a\\b)", L"de fg", L"h"));
  EXPECT_THAT(split(LR"(a\\\"b c d)"), ElementsAre(LR"(a\"b)", L"c", L"d"));
  EXPECT_THAT(split(LR"(a\\\\"b c" d e)"),
              ElementsAre(LR"(a\\b c)", L"d", L"e"));
  EXPECT_THAT(split(LR"("a""b" c)"), ElementsAre(L"a\"b", L"c"));
  EXPECT_THAT(split(L" \t\"\"  "), ElementsAre(L""));
}

TEST(CommandLine, WhatIsQuotedComesBackAsItWas) {
  const std::vector<std::wstring> nasty{
      L"",        L" ",          L"plain",  L"a b",         L"\"",
      L"\\",      L"\\\\",       L"a b\\",  L"a\\\"b",      L"a\\\\\" b",
      L"\"a b\"", L"tab\there",  L"a\nb",   L"\\\\s\\d e",  L"--x=\"y z\"",
      L"%PATH%",  L"^&|<>()!*?", L"\u00fc", L"\u65e5\u672c"};
  std::wstring line = L"program";
  for (const auto& word : nasty) line += L' ' + win32::quoted(word);
  auto words = win32::split_command_line(line);
  words.erase(words.begin());
  EXPECT_EQ(words, nasty);
}

TEST(CommandLine, BatchFileIsRefusedHoweverItIsSpelled) {
  for (const char* name : {"x.bat", "x.CMD", "x.bat. ", "C:\\a b\\x.Bat"}) {
    auto request = child_request("none");
    request.executable = name;
    const auto process = os::launch(request);
    ASSERT_FALSE(process) << name;
    EXPECT_EQ(process.error().code(), errc::invalid_argument) << name;
    EXPECT_THAT(process.error().text(), HasSubstr("batch file"));
  }
}

TEST(ListeningSocket, IsExclusiveAndNotInheritable) {
  const auto listener =
      os::open_listener(Address::parse("tcp://127.0.0.1:0").value()).value();
  DWORD exclusive = 0;
  int size = sizeof exclusive;
  ASSERT_EQ(getsockopt(listener.get(), SOL_SOCKET, SO_EXCLUSIVEADDRUSE,
                       reinterpret_cast<char*>(&exclusive), &size),
            0);
  EXPECT_NE(exclusive, 0u);
  EXPECT_FALSE(is_inheritable(os::handle_from_number(listener.get())));
}

TEST(ChannelPair, EndsAreNotInheritableAndOnlyTheirOwnersMayOpenThem) {
  const auto pair = os::make_channel_pair().value();
  EXPECT_FALSE(is_inheritable(pair.ours.get()));
  EXPECT_FALSE(is_inheritable(pair.theirs.get()));
  ACL* list = nullptr;
  void* descriptor = nullptr;
  ASSERT_EQ(GetSecurityInfo(pair.ours.get(), SE_KERNEL_OBJECT,
                            DACL_SECURITY_INFORMATION, nullptr, nullptr, &list,
                            nullptr, &descriptor),
            DWORD{ERROR_SUCCESS});
  // No list at all would let everybody in.
  EXPECT_TRUE(list != nullptr && list->AceCount == 1);
  LocalFree(descriptor);
}

TEST(Transfer, SectionThatIsNotItsHandlesIsMalformed) {
  EXPECT_EQ(adopting("", 0), std::error_code{});
  EXPECT_EQ(adopting("", 1), errc::malformed_frame);
  EXPECT_EQ(adopting("x", 0), errc::malformed_frame);
  EXPECT_EQ(adopting("X12345678", 1), errc::malformed_frame);
  EXPECT_EQ(adopting("H1234567", 1), errc::malformed_frame);
  EXPECT_EQ(adopting(std::string(628, 'S'), 1), errc::malformed_frame);
}

TEST(Transfer, PseudoHandlesAreNone) {
  for (const std::int64_t value : {0, -1, -2, -4, -5, -6}) {
    EXPECT_EQ(adopting(entry_of(static_cast<std::uint64_t>(value)), 1),
              errc::malformed_frame)
        << value;
  }
}

TEST(Transfer, OneBadHandleClosesAllThatCame) {
  const native_handle before = open_event().release();
  const native_handle after = open_event().release();
  const auto number = [](native_handle handle) {
    return reinterpret_cast<std::uintptr_t>(handle);
  };
  EXPECT_EQ(
      adopting(entry_of(number(before)) + entry_of(0) + entry_of(number(after)),
               3),
      errc::malformed_frame);
  EXPECT_FALSE(is_open(before));
  EXPECT_FALSE(is_open(after));
}

TEST(Transfer, WhatCannotBeGivenWholeIsTakenBack) {
  ASSERT_TRUE(os::start_sockets());
  // This process is the receiver too.
  const auto process =
      win32::own(OpenProcess(PROCESS_DUP_HANDLE, FALSE, GetCurrentProcessId()));
  const win32::Receiver receiver{process.get(), GetCurrentProcessId()};
  const auto event = open_event();
  const auto before = list_open_handles().size();
  EXPECT_FALSE(win32::give(
      receiver, {os::SendHandle{event.get()}, os::SendSocket{kNoSocket}}));
  EXPECT_EQ(list_open_handles().size(), before);
  {
    const auto given = win32::give(receiver, {os::SendHandle{event.get()}});
    ASSERT_TRUE(given);
    EXPECT_EQ(list_open_handles().size(), before + 1);
  }
  EXPECT_EQ(list_open_handles().size(), before);
}

TEST(Transfer, NobodyReceivesFromOneWhoDoesNotKnowHim) {
  const auto event = open_event();
  const auto given = win32::give({}, {os::SendHandle{event.get()}});
  ASSERT_FALSE(given);
  EXPECT_EQ(given.error().code(), errc::invalid_argument);
}

TEST(StopRequests, EachOfSeveralIsToldUntilItIsGone) {
  boost::asio::io_context io;
  int first = 0;
  int second = 0;
  auto one =
      std::make_optional(os::StopRequests::watch(io, [&] { ++first; }).value());
  const auto other = os::StopRequests::watch(io, [&] { ++second; }).value();
  const os::Process self{os::own_process_handle().value(),
                         os::own_process_id()};
  ASSERT_TRUE(self.ask_to_stop());
  EXPECT_TRUE(wait_until(io, [&] { return first == 1 && second == 1; }));
  one.reset();
  ASSERT_TRUE(self.ask_to_stop());
  EXPECT_TRUE(wait_until(io, [&] { return second == 2; }));
  EXPECT_EQ(first, 1);
}

}  // namespace
}  // namespace relaunch::test
