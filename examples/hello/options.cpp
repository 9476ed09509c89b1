#include "options.hpp"

#include <boost/program_options.hpp>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "failure.hpp"
#include "log.hpp"

namespace hello {
namespace {

namespace po = boost::program_options;
using std::chrono::milliseconds;

/// One deadline that can be set, and what a bare number of it means.
struct Duration {
  const char* option;
  milliseconds relaunch::Deadlines::*member;
  milliseconds unit;
  const char* help;
};

constexpr milliseconds kSecond{1000};
constexpr milliseconds kMillisecond{1};

constexpr Duration kDurations[] = {
    {"build-deadline", &relaunch::Deadlines::build, kSecond,
     "seconds the build may take"},
    {"hello", &relaunch::Deadlines::hello, kSecond,
     "seconds until a new generation has adopted the listener"},
    {"ready", &relaunch::Deadlines::ready, kSecond,
     "seconds until it is ready"},
    {"pause", &relaunch::Deadlines::pause, kMillisecond,
     "milliseconds in which this generation must stop accepting"},
    {"turn", &relaunch::Deadlines::turn, kMillisecond,
     "milliseconds until the new generation accepts"},
    {"probation", &relaunch::Deadlines::probation, kMillisecond,
     "milliseconds that it must serve well before this generation leaves"},
    {"health-interval", &relaunch::Deadlines::health_interval, kMillisecond,
     "milliseconds between two questions for its health"},
    {"health", &relaunch::Deadlines::health, kMillisecond,
     "milliseconds that an answer to one may take"},
    {"drain", &relaunch::Deadlines::drain, kSecond,
     "seconds for the connections of a generation that leaves"},
    {"grace", &relaunch::Deadlines::grace, kSecond,
     "seconds that it then has to end before it is killed"},
};

po::options_description describe() {
  po::options_description all("Options");
  auto add = all.add_options();
  add("help", "print this");
  add("version", "print the version");
  add("listen", po::value<std::string>()->default_value("tcp://127.0.0.1:8080"),
      "where to serve; numeric, port 0 picks one");
  add("build-command", po::value<std::vector<std::string>>()->composing(),
      "one word of the build command, repeated for each; or write the command "
      "after --");
  add("build-folder", po::value<std::string>(),
      "where the build runs; the working folder if it is not given");
  add("artifact", po::value<std::string>(),
      "what the build leaves: this program's file, or a folder that holds it");
  add("executable", po::value<std::string>(),
      "where in an artifact folder the program is");
  add("state-folder", po::value<std::string>(), "where releases are kept");
  add("control", "let the command relaunch reach this server, as 'hello'");
  for (const Duration& each : kDurations) {
    add(each.option, po::value<std::string>(), each.help);
  }
  add("token-file", po::value<std::string>(),
      "the first line is the token that POST /update asks for; without one, "
      "and without HELLO_TOKEN in the environment, only this machine may");
  add("log-level", po::value<std::string>()->default_value("info"),
      "debug, info, warning or error");
  add("access-log", "one line for each request");
  return all;
}

po::variables_map parse(int argc, char** argv,
                        const po::options_description& described) {
  po::positional_options_description words;
  words.add("build-command", -1);
  po::variables_map found;
  try {
    // No guessing: an abbreviation would change its meaning with a new option.
    const auto style = po::command_line_style::default_style &
                       ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(argc, argv)
                  .options(described)
                  .positional(words)
                  .style(style)
                  .run(),
              found);
  } catch (const po::error& error) {
    throw Failure(ExitCode::usage,
                  std::string("cannot read the command line: ") + error.what() +
                      "; try --help");
  }
  return found;
}

std::string text_of(const po::variables_map& found, const char* option) {
  return found.count(option) ? found[option].as<std::string>() : std::string();
}

void read_durations(const po::variables_map& found, Options& options) {
  for (const Duration& each : kDurations) {
    if (!found.count(each.option)) continue;
    const auto text = text_of(found, each.option);
    const auto value = parse_duration(text, each.unit);
    if (!value) {
      throw Failure(ExitCode::usage,
                    "cannot use --" + std::string(each.option) + " '" + text +
                        "': a duration is 500ms, 30s or 10m, more than zero "
                        "and at most a day");
    }
    options.deadlines.*each.member = *value;
  }
}

std::string checked_token(std::string token, const std::string& origin) {
  for (const char letter : token) {
    if (letter > ' ' && letter <= '~') continue;
    throw Failure(ExitCode::configuration,
                  "cannot use the token in " + origin +
                      ": it has characters that are not printable ASCII");
  }
  if (token.empty()) {
    throw Failure(ExitCode::configuration,
                  "cannot use the token in " + origin + ": it is empty");
  }
  return token;
}

std::string read_token_file(const std::string& name) {
  std::ifstream file(name);
  std::string line;
  if (!file || !(std::getline(file, line) || file.eof())) {
    throw Failure(ExitCode::io, "cannot read the token file " + name);
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return checked_token(line, name);
}

std::string read_token(const po::variables_map& found) {
  if (found.count("token-file")) {
    return read_token_file(text_of(found, "token-file"));
  }
  po::options_description known;
  known.add_options()("token", po::value<std::string>());
  po::variables_map environment;
  po::store(po::parse_environment(known,
                                  [](const std::string& name) {
                                    return name == "HELLO_TOKEN"
                                               ? std::string("token")
                                               : std::string();
                                  }),
            environment);
  if (!environment.count("token")) return {};
  return checked_token(text_of(environment, "token"), "HELLO_TOKEN");
}

Options interpret(const po::variables_map& found) {
  Options options;
  options.listen = text_of(found, "listen");
  if (found.count("build-command")) {
    options.build_command =
        found["build-command"].as<std::vector<std::string>>();
  }
  options.build_folder = text_of(found, "build-folder");
  options.artifact = text_of(found, "artifact");
  options.executable = text_of(found, "executable");
  options.state_folder = text_of(found, "state-folder");
  read_durations(found, options);
  options.token = read_token(found);
  const auto level = parse_log_level(text_of(found, "log-level"));
  if (!level) {
    throw Failure(ExitCode::usage,
                  "cannot use --log-level '" + text_of(found, "log-level") +
                      "': it is debug, info, warning or error");
  }
  options.log_level = *level;
  options.control = found.count("control") != 0;
  options.access_log = found.count("access-log") != 0;
  return options;
}

}  // namespace

CommandLine read_command_line(int argc, char** argv) {
  const auto described = describe();
  const auto found = parse(argc, argv, described);
  if (found.count("help")) {
    std::ostringstream text;
    text << "hello: a server that replaces itself\n\n"
            "  hello [options] -- cmake --build build\n\n"
         << described
         << "\nGET /hello greets, GET /status tells, POST /update builds and "
            "relaunches,\nPOST /abort takes that back.\nA duration may carry "
            "its unit: 500ms, 30s, 10m.\n";
    return {{}, text.str()};
  }
  if (found.count("version")) {
    return {{}, "hello " HELLO_VERSION "\n"};
  }
  return {interpret(found), std::nullopt};
}

std::optional<milliseconds> parse_duration(const std::string& text,
                                           milliseconds unit) {
  constexpr milliseconds kDay = std::chrono::hours{24};
  long long count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, count);
  if (failure != std::errc{} || count <= 0) return std::nullopt;
  const std::string suffix(rest, end);
  if (suffix == "ms") {
    unit = kMillisecond;
  } else if (suffix == "s") {
    unit = kSecond;
  } else if (suffix == "m") {
    unit = std::chrono::minutes{1};
  } else if (!suffix.empty()) {
    return std::nullopt;
  }
  if (count > kDay / unit) return std::nullopt;
  return count * unit;
}

}  // namespace hello
