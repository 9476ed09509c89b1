// The test server in a scratch folder of its own, with a build that makes
// whatever release the test asks for.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "programs/recipe.hpp"
#include "support/http.hpp"
#include "support/load_client.hpp"
#include "support/scratch_folder.hpp"
#include "support/server_process.hpp"

namespace relaunch::test {

/// Longer than any step of a test on a busy machine.
inline constexpr std::chrono::milliseconds kStepDeadline{30'000};

struct ServerSetup {
  Recipe first{{"greeting", "one"}};
  /// Over the defaults of server_under_test.cpp: {"probation", "400"}.
  std::map<std::string, std::string> settings{};
  /// The first generation runs from the build's own output file; otherwise
  /// from another copy of it.
  bool from_artifact = false;
  /// The artifact is a folder, with the program as bin/server in it.
  bool folder_artifact = false;
  /// Its artifact, state folder and build are named as seen from its folder.
  bool relative_paths = false;
  /// Below a supervisor that holds these listeners; NAME → ADDRESS. Where the
  /// variable RELAUNCH_SUPERVISED is set, every server is.
  bool supervised = false;
  std::map<std::string, std::string> held_listeners{};
  /// Words and "NAME=VALUE" that mean nothing to it.
  std::vector<std::string> more_words{};
  os::Environment more_environment{};
  bool wait_until_serving = true;
};

struct UpdateAnswer {
  unsigned http_status = 0;
  std::vector<std::string> lines;  ///< what the build printed
  /// Without "outcome: "; why there is none, if there is none.
  std::string outcome;
};

struct ServerStatus {
  std::uint32_t generation = 0;
  std::uint32_t pid = 0;
  std::string release;
  std::string phase;
  std::string last_outcome;
  std::string last_departure;
};

/// What the process that serves holds just before it launches a successor.
struct Census {
  std::size_t handles = 0;
  std::size_t threads = 0;
  std::size_t resident_kib = 0;
  std::size_t variables = 0;  ///< of the environment that it passes on
  std::size_t arguments = 0;
  std::size_t files = 0;  ///< in the server's folder, at any depth

  std::string text() const;
};

class ServerUnderTest {
 public:
  /// Throws Error, or std::runtime_error with the output.
  explicit ServerUnderTest(ServerSetup setup = {});
  ~ServerUnderTest();

  /// Where the generation that printed its address last listens.
  void find_port() { port_ = port_of("http"); }
  /// The first program once more, with the folder as it is by now.
  void start_again();
  /// Beside what runs by now: another supervisor, after the first was killed.
  /// Its lines are its own.
  std::unique_ptr<ServerProcess> start_another() const {
    return std::make_unique<ServerProcess>(request_);
  }

  std::uint16_t port() const { return port_; }
  ServerProcess& process() { return *process_; }
  const ServerProcess& process() const { return *process_; }
  std::filesystem::path path(const std::filesystem::path& name) const {
    return folder_ / name;
  }
  std::filesystem::path artifact() const;
  bool supervised() const { return supervised_; }

  /// The next process in this role that comes to this point does what `order`
  /// says (common/os/fault.hpp). "incumbent.launch", "kill".
  void arm(std::string_view role_and_point, std::string_view order) const;
  /// It has happened.
  bool struck(std::string_view role_and_point) const;

  /// What the next build makes.
  void next_build(const Recipe& recipe);
  /// POST /update?QUERY, to the end of the answer.
  UpdateAnswer update(
      const std::string& query = {},
      const std::function<void(std::string_view)>& on_line = {}) const;
  /// next_build and update.
  UpdateAnswer update_to(const Recipe& recipe, const std::string& query = {});
  /// The same on another thread, begun when the build has printed `line`.
  std::future<UpdateAnswer> begin_update(const Recipe& recipe,
                                         std::string_view line);

  /// The body of GET /hello without its line end, or why there is none.
  std::string hello() const { return get(port_, "/hello"); }
  std::string get(std::uint16_t port, const std::string& path) const;
  ServerStatus status() const;
  /// Taken in an upgrade that fails: the build is a program that ends at once.
  Census census();
  /// Asks until it is told how a generation left, with this in the words: that
  /// is known a moment after its end.
  std::string wait_for_departure(std::string_view part = {}) const;
  /// The first generation was not ended by force. It has left.
  bool first_left_by_itself() const;
  /// Waits until a generation takes the turn after the first `skip` lines of
  /// the output.
  bool wait_for_turn(std::size_t skip) const {
    return process_->wait_for_line_after(skip, "took the turn", kStepDeadline)
        .has_value();
  }
  /// Waits until this generation serves, then for everybody else's end.
  bool wait_alone(std::uint32_t generation);
  /// From the last line "listening NAME tcp://…:PORT".
  std::uint16_t port_of(std::string_view name) const;

  /// A moderate load on /hello.
  LoadPlan load(Connections connections) const;

 private:
  void begin();
  void supervise(const ServerSetup& setup);
  void wait_until_serving();

  ScratchFolder folder_;
  os::LaunchRequest request_;
  std::unique_ptr<ServerProcess> process_;
  std::uint16_t port_ = 0;
  bool supervised_ = false;
  unsigned censuses_ = 0;
};

}  // namespace relaunch::test
