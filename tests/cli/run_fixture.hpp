// `relaunch run`, and its verbs beside it.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "common/base/text.hpp"
#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"
#include "support/server_process.hpp"

namespace relaunch::test {

/// `relaunch run` with the example server, in a folder of its own.
class RunCommand : public testing::Test, protected NamedInstance {
 protected:
  RunCommand() : NamedInstance("shop") {
    artifact_ = folder_ / std::filesystem::path{HELLO}.filename();
    std::filesystem::copy_file(HELLO, artifact_);
  }

  std::vector<std::string> run_words(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"run", "--artifact",
                                      text::utf8(artifact_), "--listen",
                                      "http=tcp://127.0.0.1:0"};
    if (std::find(more.begin(), more.end(), "--probation") == more.end()) {
      more.insert(more.end(), {"--probation", "100ms"});
    }
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"--", "hello", "--listen", "tcp://127.0.0.1:0",
                               "--state-folder", text::utf8(folder_ / "own")});
    return words;
  }
  void start(std::vector<std::string> more = {}) {
    server_.emplace(command(about(run_words(std::move(more)))));
    const auto serving = server_->wait_for_line("start.ended: ", kPatience);
    ASSERT_TRUE(serving) << server_->output();
  }
  /// The command has ended with this code, and nobody is left.
  void expect_stopped() {
    const auto stopped = ask({"stop"});
    EXPECT_EQ(stopped.status.text(), "exit code 0") << stopped.output;
    EXPECT_TRUE(server_->wait_gone(server_->processes().front(), kPatience))
        << server_->output();
    EXPECT_EQ(server_->first_exit_status()->text(), "exit code 0");
    EXPECT_THAT(server_->living(), testing::IsEmpty());
  }

  std::filesystem::path artifact_;
  std::optional<ServerProcess> server_;
};

}  // namespace relaunch::test
