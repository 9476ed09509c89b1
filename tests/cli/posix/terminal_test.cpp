#include <fcntl.h>
#include <gmock/gmock.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/instance.hpp"
#include "common/os/files.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// What the command writes where both of its streams are a terminal so wide.
std::string on_terminal(const Instance& instance, unsigned short width,
                        const std::vector<std::string>& variables = {}) {
  int ours = -1;
  int theirs = -1;
  winsize size{};
  size.ws_row = 24;
  size.ws_col = width;
  if (::openpty(&ours, &theirs, nullptr, nullptr, &size) != 0) return "no pty";
  os::Handle screen{ours};
  os::Handle stream{theirs};
  os::keep_from_children(ours);
  os::keep_from_children(theirs);
  auto request = command(instance.about({"upgrade"}));
  std::erase_if(request.environment, [](const std::string& entry) {
    return entry.starts_with("NO_COLOR=") || entry.starts_with("TERM=");
  });
  request.environment.push_back("TERM=xterm");
  request.environment.insert(request.environment.end(), variables.begin(),
                             variables.end());
  request.output = stream.get();
  auto process = os::launch(request).value();
  const KilledAtEnd killed{process};
  stream.reset();
  // The end of a terminal that nobody has open any more is an error (EIO).
  std::string all;
  for (;;) {
    auto piece = os::read_some(screen.get(), 4096);
    if (!piece || piece->empty()) break;
    all += *piece;
  }
  EXPECT_TRUE(wait_for_end(process));
  EXPECT_EQ(process.exit_status().text(), "exit code 0");
  return all;
}

TEST(Terminal, ShowsAnUpgradeAsOneLiveLineWithABar) {
  const Instance instance;
  const auto screen = on_terminal(instance, 80);
  EXPECT_THAT(screen, HasSubstr("\r\x1b[2K\x1b[1mbuild\x1b[0m  0:00  "
                                "[############------------] 1/2  main.cpp"));
  EXPECT_THAT(screen, HasSubstr("\r\x1b[2Kwarning: x\\x1B[2J\r\n"));
  EXPECT_THAT(screen, HasSubstr("\r\x1b[2Kdone: generation=2 pid=71"));
}

TEST(Terminal, OfSomebodyWhoWantsNoColorHasNone) {
  const Instance instance;
  const auto screen = on_terminal(instance, 80, {"NO_COLOR=1"});
  EXPECT_THAT(screen, Not(HasSubstr("\x1b[1m")));
  EXPECT_THAT(screen, HasSubstr("[############------------] 1/2"));
}

TEST(Terminal, ThatIsNarrowGetsNoMoreThanFits) {
  const Instance instance;
  EXPECT_THAT(on_terminal(instance, 12), HasSubstr("  0:00"));
  EXPECT_THAT(on_terminal(instance, 12), Not(HasSubstr("1/2")));
}

}  // namespace
}  // namespace relaunch::test
