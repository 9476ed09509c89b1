// relaunch: the command.
#include <algorithm>
#include <exception>
#include <string>

#include "cli/explain.hpp"
#include "cli/run.hpp"
#include "cli/run_options.hpp"
#include "cli/service.hpp"
#include "cli/settings.hpp"
#include "cli/verbs.hpp"
#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "common/os/init_process.hpp"
#include "common/os/system.hpp"
#include "common/os/terminal.hpp"

namespace relaunch::cli {
namespace {

constexpr std::size_t kMaxConfigBytes = 1024 * 1024;

Attempt<void> print(std::string_view text) {
  const auto written = os::write_stream(os::Stream::output, text);
  if (!written) return Failure{ExitCode::io, written.error().text()};
  return {};
}

Attempt<ExitCode> done(const Attempt<void>& printed) {
  if (!printed) return printed.error();
  return ExitCode::done;
}

Attempt<ExitCode> check_config(const Invocation& invocation,
                               const Surroundings& surroundings) {
  auto settings = resolve(invocation, surroundings);
  if (!settings) return settings.error();
  const auto made = run_options(*settings, system_places());
  if (!made) return made.error();
  return done(print(explain(*settings, *made)));
}

/// This command as it was called, from the file it was started from: by then
/// there may be another build in it.
supervisor::Replacement itself() {
  const auto executable = os::running_executable();
  auto words = os::own_arguments();
  if (!executable || !words || words->empty()) return {};
  supervisor::Replacement replacement{*executable, *words, *words};
  // Options end at the program's name.
  auto& check = replacement.check_arguments;
  const auto verb = std::find(check.begin(), check.end(), "run");
  if (verb == check.end()) return {};
  check.insert(verb + 1, "--check-takeover");
  return replacement;
}

Attempt<ExitCode> run_program(const Invocation& invocation,
                              const Surroundings& surroundings) {
  const auto read = [&]() -> Attempt<supervisor::Options> {
    auto settings = resolve(invocation, surroundings);
    if (!settings) return settings.error();
    auto options = run_options(std::move(*settings), system_places());
    if (!options) return options;
    if (auto fit = check_paths(*options); !fit) return fit.error();
    return options;
  };
  const auto options = read();
  if (!options) return options.error();
  if (invocation.given.contains("check-takeover"))
    return check_takeover(*options);
  const auto ended = os::stand_in_as_init();
  if (!ended) return Failure{ExitCode::internal, ended.error().text()};
  if (*ended) return static_cast<ExitCode>(**ended);
  return run(*options, read, itself());
}

Output standard_output() {
  const auto no_color = os::environment_variable("NO_COLOR");
  return {print,
          [](std::string_view note) {
            // Nothing can be done if even that cannot be written.
            (void)os::write_stream(os::Stream::error, note);
          },
          make_screen(os::terminal_width(os::Stream::output), no_color),
          make_screen(os::terminal_width(os::Stream::error), no_color)};
}

Attempt<ExitCode> ask_instance(const Invocation& invocation,
                               const Surroundings& surroundings) {
  const auto settings = resolve(invocation, surroundings);
  if (!settings) return settings.error();
  const auto reach = reach_of(*settings, system_places());
  if (!reach) return reach.error();
  return perform_on_instance(invocation, *settings, *reach, standard_output());
}

Attempt<ExitCode> service(std::span<const std::string> words,
                          const Surroundings& surroundings) {
  if (auto possible = services_possible(); !possible) return possible.error();
  const auto request =
      read_service_request(words, surroundings, system_places());
  if (!request) return request.error();
  const auto text = perform_service(*request, surroundings.folder);
  if (!text) return text.error();
  return done(print(*text));
}

Attempt<ExitCode> perform(const Invocation& invocation,
                          const Surroundings& surroundings) {
  switch (invocation.verb) {
    case Verb::version:
      return done(print("relaunch " RELAUNCH_VERSION "\n"));
    case Verb::check_config:
      return check_config(invocation, surroundings);
    case Verb::run:
      return run_program(invocation, surroundings);
    default:
      return ask_instance(invocation, surroundings);
  }
}

Attempt<ExitCode> command() {
  const auto words = os::own_arguments();
  if (!words) return Failure{ExitCode::internal, words.error().text()};
  Surroundings surroundings{system_places().folder, os::own_environment(),
                            [](const std::filesystem::path& file) {
                              return os::read_file(file, kMaxConfigBytes);
                            }};
  const auto rest = std::span{*words}.subspan(words->empty() ? 0 : 1);
  if (const auto code = run_hidden_verb(rest)) return *code;
  // What follows is for run, for another time: it is not read as its own.
  const bool is_service = !rest.empty() && rest[0] == "service";
  if (is_service && (rest.size() < 2 || !rest[1].starts_with('-'))) {
    return service(rest.subspan(1), surroundings);
  }
  const auto invocation = read_command_line(rest, surroundings.folder);
  if (!invocation) return invocation.error();
  if (!*invocation) return done(print(general_help()));
  if ((*invocation)->help) return done(print(help((*invocation)->verb)));
  return perform(**invocation, surroundings);
}

int end(const Failure& failure) {
  // Nothing can be done if even that cannot be written.
  (void)os::write_stream(os::Stream::error,
                         text::cat("relaunch: ", failure.line, '\n'));
  return static_cast<int>(failure.code);
}

}  // namespace
}  // namespace relaunch::cli

int main() {
  using namespace relaunch;
  try {
    os::load_libraries_from_system_only();
    os::open_missing_streams();
    const auto code = cli::command();
    return code ? static_cast<int>(*code) : cli::end(code.error());
  } catch (const Error& error) {
    return cli::end({cli::exit_code(error), error.text()});
  } catch (const std::exception& error) {
    return cli::end({cli::ExitCode::internal, error.what()});
  }
}
