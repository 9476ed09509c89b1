#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "cli/run_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// With its options in a file that changes.
class Reload : public RunCommand {
 protected:
  void configure(const std::string& more, const std::string& arguments = {}) {
    write_file(file_,
               "name = shop\nstate-folder = state\nrun-folder = run\n"
               "probation = 100ms\nlisten = http=tcp://127.0.0.1:0\n"
               "artifact = " +
                   text::utf8(artifact_.filename()) +
                   "\nprogram = hello --listen tcp://127.0.0.1:0 "
                   "--state-folder own " +
                   arguments + '\n' + more);
  }
  void start() {
    server_.emplace(command({"run", "--config", text::utf8(file_)}));
    ASSERT_TRUE(server_->wait_for_line("start.ended: ", kPatience))
        << server_->output();
  }
  ChildResult reload(std::string_view code) const {
    auto reloaded = ask({"reload"});
    EXPECT_EQ(reloaded.status.text(), code) << reloaded.output;
    return reloaded;
  }
  std::string status() const { return ask({"status"}).output; }

  std::filesystem::path file_ = folder_ / "shop.ini";
};

TEST_F(Reload, ReadsTheConfigurationAgain) {
  configure("");
  start();
  configure("listen = more=tcp://127.0.0.1:0\n");
  EXPECT_THAT(reload("exit code 0").output, HasSubstr("done: generation=2 "));
  EXPECT_THAT(status(), HasSubstr("name=more  address=tcp://127.0.0.1:"));
  EXPECT_THAT(status(), HasSubstr("generation      2\n"));
  configure("");
  reload("exit code 0");
  EXPECT_THAT(status(), Not(HasSubstr("name=more")));
  expect_stopped();
  for (const char* event : {"supervisor.reloaded", "listener.opened: more ",
                            "listener.closed: more"}) {
    EXPECT_TRUE(server_->wait_for_line(event, kPatience)) << event << '\n'
                                                          << server_->output();
  }
}

TEST_F(Reload, ChangesNothingIfItCannotBeDone) {
  configure("");
  start();
  const std::string before = status();
  configure("no-such-option = 1\n");
  EXPECT_THAT(reload("exit code 78").output, HasSubstr("shop.ini:8"));
  configure("log-format = json\n");
  EXPECT_THAT(reload("exit code 78").output,
              HasSubstr("cannot change --log-format by a reload"));
  boost::asio::io_context io;
  const boost::asio::ip::tcp::acceptor taken{
      io, {boost::asio::ip::make_address_v4("127.0.0.1"), 0}};
  configure("listen = some=tcp://127.0.0.1:0\nlisten = taken=tcp://127.0.0.1:" +
            std::to_string(taken.local_endpoint().port()) + '\n');
  reload("exit code 69");
  for (const char* line : {"generation      1\n", "serving         true\n"}) {
    EXPECT_THAT(status(), HasSubstr(line));
  }
  EXPECT_THAT(status(), Not(HasSubstr("name=some")));
  EXPECT_THAT(status(), HasSubstr(before.substr(before.find("name=http"), 36)));
  expect_stopped();
}

TEST_F(Reload, KeepsWhatServedIfTheNewGenerationFails) {
  configure("");
  start();
  configure("listen = more=tcp://127.0.0.1:0\n", "--no-such-option");
  EXPECT_THAT(reload("exit code 20").output, HasSubstr("generation=1 "));
  EXPECT_THAT(status(), Not(HasSubstr("name=more")));
  // Also what starts it again after a crash.
  const auto serving = server_->processes();
  server_->kill(serving.at(1));
  ASSERT_TRUE(server_->wait_for_line("start.ended: generation=2 ", kPatience))
      << server_->output();
  EXPECT_THAT(status(), HasSubstr("serving         true\n"));
  expect_stopped();
}

}  // namespace
}  // namespace relaunch::test
