// Servers from Debian as they are, upgraded under load. Where one is not
// installed its tests are skipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "foreign/supervised_program.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using supervisor::Options;
using supervisor::Readiness;

constexpr std::uint32_t kUpgrades = 10;

struct Server {
  const char* name;
  const char* program;
  Options (*options)();
  SupervisedProgram::Prepare prepare;
};

Options real(std::vector<std::string> program) {
  Options options = foreign_options("none");
  options.program = std::move(program);
  options.deadlines.probation = milliseconds{200};
  return options;
}

void by_http(Options& options) {
  options.foreign.readiness = Readiness::http;
  options.foreign.readiness_target = {"/"};
  options.foreign.health = Readiness::http;
  options.foreign.health_target = {"/"};
}

Options gunicorn() {
  return real({"/usr/bin/gunicorn", "--workers=2", "hello:app"});
}

Options gunicorn_with_threads() {
  Options options =
      real({"/usr/bin/gunicorn", "--workers=1", "--threads=4", "hello:app"});
  by_http(options);
  return options;
}

void write_application(const fs::path& folder, std::uint16_t) {
  write_file(folder / "hello.py", R"(import os

def app(environ, start_response):
    start_response('200 OK', [('Content-Length', '6'),
                              ('X-Generation', str(os.getppid()))])
    return [b'hello\n']
)");
}

// Its TERM breaks off what is under way, its INT does not.
Options lighttpd() {
  Options options = real({"/usr/sbin/lighttpd", "-D", "-f", "lighttpd.conf"});
  by_http(options);
  options.foreign.stop_signal = "INT";
  return options;
}

void write_lighttpd_conf(const fs::path& folder, std::uint16_t port) {
  write_file(folder / "index.html", "hello\n");
  write_file(
      folder / "lighttpd.conf",
      text::cat("server.systemd-socket-activation = \"enable\"\n"
                "server.bind = \"127.0.0.1\"\nserver.port = ",
                port, "\nserver.document-root = \"", text::utf8(folder),
                "\"\nserver.modules += (\"mod_indexfile\", \"mod_setenv\")\n"
                "index-file.names = (\"index.html\")\n"
                "mimetype.assign = (\".html\" => \"text/plain\")\n"));
}

class RealServer : public testing::TestWithParam<Server> {
 protected:
  void SetUp() override {
    if (!fs::exists(GetParam().program)) {
      GTEST_SKIP() << GetParam().program << " is not installed: ci/setup";
    }
  }
};

TEST_P(RealServer, UpgradesUnderLoadLoseNoRequest) {
  SupervisedProgram program{GetParam().options(), GetParam().prepare};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  LoadClient load{program.load()};
  for (std::uint32_t generation = 2; generation <= 1 + kUpgrades;
       ++generation) {
    ASSERT_TRUE(load.wait_for_answers(10, kStep));
    const Outcome outcome = program.upgrade();
    ASSERT_EQ(to_string(outcome.result), "done") << outcome.reason << '\n'
                                                 << program.log();
    EXPECT_EQ(outcome.serving_generation, generation);
  }
  ASSERT_TRUE(load.wait_for_answers(10, kStep));
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0U) << report.text() << program.log();
  EXPECT_TRUE(program.stop(supervisor::StopMode::drain)) << program.log();
  EXPECT_THAT(program.log(), testing::Not(testing::HasSubstr("killed")));
}

TEST_P(RealServer, ServesAgainAfterItWasKilled) {
  SupervisedProgram program{GetParam().options(), GetParam().prepare};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  const auto pid = program.status().pid;
  ASSERT_TRUE(os::open_process(pid).value().kill());
  ASSERT_TRUE(program.wait_for_generation(2)) << program.log();
  EXPECT_EQ(program.get(), "hello\n") << program.log();
}

TEST_P(RealServer, ConfigurationThatIsWrongDisturbsNobody) {
  SupervisedProgram program{GetParam().options(), GetParam().prepare};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  LoadClient load{program.load()};
  const Outcome outcome =
      program.upgrade_to({GetParam().program, "--no-such-option"});
  EXPECT_EQ(to_string(outcome.result), "failed") << outcome.reason;
  EXPECT_THAT(outcome.reason, testing::HasSubstr("exit code "));
  EXPECT_EQ(load.stop().failed(), 0U);
  EXPECT_EQ(program.get(), "hello\n");
}

INSTANTIATE_TEST_SUITE_P(
    Foreign, RealServer,
    testing::Values(Server{"Gunicorn", "/usr/bin/gunicorn", gunicorn,
                           write_application},
                    Server{"GunicornThreads", "/usr/bin/gunicorn",
                           gunicorn_with_threads, write_application},
                    Server{"Lighttpd", "/usr/sbin/lighttpd", lighttpd,
                           write_lighttpd_conf}),
    [](const auto& tested) { return std::string{tested.param.name}; });

}  // namespace
}  // namespace relaunch::test
