#include "support/server_under_test.hpp"

#include <boost/json.hpp>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "common/base/text.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

const fs::path kServer{TEST_SERVER};
const fs::path kBuilder{TEST_BUILDER};
const fs::path kSupervisor{TEST_SUPERVISOR};
constexpr std::string_view kOutcome = "outcome: ";

// Short, so that the suite is quick; long enough for a busy machine, where a
// deadline is not what the test is about.
const std::map<std::string, std::string> kSettings{
    {"listen", "tcp://127.0.0.1:0"},
    {"build_deadline", "20000"},
    {"hello", "20000"},
    {"ready", "20000"},
    {"probation", "150"},
    {"health_interval", "50"},
    {"health", "5000"},
    {"drain", "10000"},
    {"grace", "1000"}};

void build_release(const fs::path& artifact, const Recipe& recipe) {
  std::string bytes = file_content(fs::absolute(kServer));
  write_file(artifact, bytes + recipe_block(to_text(recipe)));
  fs::permissions(artifact, fs::status(kServer).permissions());
}

std::uint16_t port_in(std::string_view address) {
  const std::string_view digits = address.substr(address.rfind(':') + 1);
  std::uint16_t port = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

}  // namespace

ServerUnderTest::ServerUnderTest(ServerSetup setup) {
  fs::path program = artifact();
  if (setup.folder_artifact) {
    setup.settings["executable"] =
        "bin/server" + text::utf8(kServer.extension());
    program = artifact() / setup.settings["executable"];
    fs::create_directories(program.parent_path());
  }
  build_release(program, setup.first);
  next_build(setup.first);
  if (!setup.from_artifact) {
    const fs::path built = std::move(program);
    program = folder_ / "first";
    program += kServer.extension();
    fs::copy_file(built, program);
  }
  request_.executable = program;
  request_.arguments = {text::utf8(program)};
  const auto add = [&](const std::string& key, const std::string& value) {
    request_.arguments.push_back(key + '=' + value);
  };
  const auto named = [&](const fs::path& path) {
    return text::utf8(
        setup.relative_paths ? path.lexically_relative(folder_.path()) : path);
  };
  add("state", named(folder_ / "state"));
  add("artifact", named(artifact()));
  add("build", text::utf8(fs::absolute(kBuilder)));
  add("build", text::utf8(fs::absolute(kServer)));
  add("build", named(artifact()));
  add("build", named(folder_ / "recipe"));
  for (const auto& [key, value] : setup.settings) add(key, value);
  for (const auto& [key, value] : kSettings) {
    if (setup.settings.count(key) == 0) add(key, value);
  }
  request_.arguments.insert(request_.arguments.end(), setup.more_words.begin(),
                            setup.more_words.end());
  request_.folder = folder_.path();
  request_.environment = os::own_environment();
  request_.environment.insert(request_.environment.end(),
                              setup.more_environment.begin(),
                              setup.more_environment.end());
  fs::create_directory(folder_ / "faults");
  request_.environment.push_back("RELAUNCH_FAULTS=" +
                                 text::utf8(folder_ / "faults"));
  supervised_ = setup.supervised ||
                os::environment_variable("RELAUNCH_SUPERVISED").has_value();
  if (supervised_) supervise(setup);
  begin();
  if (setup.wait_until_serving) wait_until_serving();
}

// The supervisor has the same settings; the program's own build is not used.
void ServerUnderTest::supervise(const ServerSetup& setup) {
  auto program = std::exchange(request_.arguments,
                               {text::utf8(fs::absolute(kSupervisor))});
  for (const auto& word : program) {
    if (word.find('=') != word.npos) request_.arguments.push_back(word);
  }
  for (const auto& [name, address] : setup.held_listeners) {
    request_.arguments.push_back(text::cat("listener.", name, '=', address));
  }
  request_.arguments.push_back("--");
  request_.arguments.insert(request_.arguments.end(), program.begin(),
                            program.end());
  request_.executable = fs::absolute(kSupervisor);
}

void ServerUnderTest::begin() {
  process_ = std::make_unique<ServerProcess>(request_);
  if (supervised_) process_->expect_supervisor();
}

void ServerUnderTest::start_again() {
  process_.reset();  // ends whoever is left
  begin();
  wait_until_serving();
}

void ServerUnderTest::wait_until_serving() {
  if (!wait_for_turn(0)) {
    throw std::runtime_error("the server does not serve:\n" +
                             process_->output());
  }
  // A generation of a supervisor refuses requests until it is committed.
  if (supervised_ &&
      !process_->wait_for_line("upgrade committed", kStepDeadline)) {
    throw std::runtime_error("no commit:\n" + process_->output());
  }
  find_port();
}

ServerUnderTest::~ServerUnderTest() = default;

fs::path ServerUnderTest::artifact() const {
  fs::path path = folder_ / "artifact";
  path += kServer.extension();
  return path;
}

void ServerUnderTest::arm(std::string_view role_and_point,
                          std::string_view order) const {
  // Moved into place, so that nobody finds it empty.
  const fs::path fresh = folder_ / "fault";
  write_file(fresh, std::string(order));
  fs::rename(fresh, folder_ / "faults" / role_and_point);
}

bool ServerUnderTest::struck(std::string_view role_and_point) const {
  return !fs::exists(folder_ / "faults" / role_and_point);
}

void ServerUnderTest::next_build(const Recipe& recipe) {
  write_file(folder_ / "recipe", to_text(recipe));
}

UpdateAnswer ServerUnderTest::update(
    const std::string& query,
    const std::function<void(std::string_view)>& on_line) const {
  UpdateAnswer answer;
  HttpRequest request;
  request.method = "POST";
  request.path = "/update" + (query.empty() ? "" : '?' + query);
  const auto result =
      http_call(port_, request, kStepDeadline, [&](std::string_view line) {
        if (line.starts_with(kOutcome)) {
          answer.outcome = line.substr(kOutcome.size());
        } else {
          answer.lines.emplace_back(line);
        }
        if (on_line) on_line(line);
      });
  if (result) answer.http_status = result->status;
  if (!result) answer.outcome = "none: " + result.error().text();
  return answer;
}

UpdateAnswer ServerUnderTest::update_to(const Recipe& recipe,
                                        const std::string& query) {
  next_build(recipe);
  return update(query);
}

std::future<UpdateAnswer> ServerUnderTest::begin_update(const Recipe& recipe,
                                                        std::string_view line) {
  next_build(recipe);
  auto printed = std::make_shared<std::promise<void>>();
  std::future<void> begun = printed->get_future();
  auto answer = std::async(
      std::launch::async,
      [this, printed, wanted = std::string(line), told = false]() mutable {
        return update({}, [&](std::string_view got) {
          if (!std::exchange(told, told || got == wanted) && told) {
            printed->set_value();
          }
        });
      });
  if (begun.wait_for(kStepDeadline) != std::future_status::ready) {
    throw std::runtime_error("the build did not print '" + std::string(line) +
                             "':\n" + process_->output());
  }
  return answer;
}

std::string ServerUnderTest::get(std::uint16_t port,
                                 const std::string& path) const {
  HttpRequest request;
  request.path = path;
  const auto answer = http_call(port, request, kStepDeadline);
  if (!answer) return "error: " + answer.error().text();
  std::string body = answer->body;
  if (body.ends_with('\n')) body.pop_back();
  return body;
}

ServerStatus ServerUnderTest::status() const {
  const std::string body = get(port_, "/status");
  boost::system::error_code failure;
  const auto json = boost::json::parse(body, failure);
  if (failure || !json.is_object()) {
    throw std::runtime_error("/status answered: " + body);
  }
  const auto number = [&](const char* key) {
    return json.as_object().at(key).to_number<std::uint32_t>();
  };
  const auto text = [&](const char* key) {
    return std::string(json.as_object().at(key).as_string());
  };
  return {number("generation"), number("pid"),        text("release"),
          text("phase"),        text("last_outcome"), text("last_departure")};
}

Census ServerUnderTest::census() {
  const std::size_t before = process_->lines().size();
  // Each one another program: what has failed once is held.
  const auto answer = update_to(
      {{"exit_at_start", "7"}, {"greeting", std::to_string(++censuses_)}});
  if (answer.outcome.find("exit code 7") == answer.outcome.npos) {
    throw std::runtime_error("no census: " + answer.outcome);
  }
  const std::string line =
      process_->wait_for_line_after(before, "census ", kStepDeadline)
          .value_or("");
  const auto number = [&](std::string_view key) {
    std::size_t value = 0;
    const std::size_t at = line.find(' ' + std::string(key) + '=');
    if (at == line.npos) return value;
    const char* const digits = line.c_str() + at + key.size() + 2;
    std::from_chars(digits, line.c_str() + line.size(), value);
    return value;
  };
  Census census{number("handles"),      number("threads"),
                number("resident_kib"), number("variables"),
                number("arguments"),    0};
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
    if (!entry.is_directory()) ++census.files;
  }
  return census;
}

std::string Census::text() const {
  return text::cat("handles=", handles, " threads=", threads,
                   " resident_kib=", resident_kib, " variables=", variables,
                   " arguments=", arguments, " files=", files);
}

bool ServerUnderTest::first_left_by_itself() const {
  if (!supervised_) return process_->first_exit_status()->success();
  // Only its supervisor is told its exit status.
  return wait_for_departure("generation 1 ").find("killed") ==
         std::string::npos;
}

std::string ServerUnderTest::wait_for_departure(std::string_view part) const {
  const auto until = std::chrono::steady_clock::now() + kStepDeadline;
  std::string departure;
  while ((departure.empty() || departure.find(part) == departure.npos) &&
         std::chrono::steady_clock::now() < until) {
    departure = status().last_departure;
  }
  return departure;
}

bool ServerUnderTest::wait_alone(std::uint32_t generation) {
  const ServerStatus now = status();
  return now.generation == generation &&
         process_->wait_alone(now.pid, kStepDeadline);
}

std::uint16_t ServerUnderTest::port_of(std::string_view name) const {
  const std::string start = "listening " + std::string(name) + ' ';
  std::uint16_t port = 0;
  for (const std::string& line : process_->lines()) {
    if (line.starts_with(start)) port = port_in(line);
  }
  return port;
}

LoadPlan ServerUnderTest::load(Connections connections) const {
  LoadPlan plan;
  plan.port = port_;
  plan.connections = connections;
  plan.per_second = LOAD_PER_SECOND;
  return plan;
}

}  // namespace relaunch::test
