// The command line as Boost.Program_options splits it.
#include <algorithm>
#include <boost/program_options.hpp>

#include "cli/settings.hpp"
#include "cli/values.hpp"
#include "common/base/text.hpp"

namespace relaunch::cli {
namespace {

namespace po = boost::program_options;
using text::cat;

Failure misuse(std::string_view why, std::string_view verb = {}) {
  return Failure{ExitCode::usage, cat(why, "; try relaunch ", verb,
                                      verb.empty() ? "" : " ", "--help")};
}

po::options_description described(Verb verb) {
  po::options_description all;
  auto add = all.add_options();
  add("help,h", "");
  for (const OptionInfo& option : options()) {
    if (!option.is_for(verb)) continue;
    const std::string name{option.name};
    if (option.kind == Kind::flag) {
      add(name.c_str(), "");
    } else {
      add(name.c_str(), po::value<std::string>(), "");
    }
  }
  all.add_options()("argument", po::value<std::vector<std::string>>(), "");
  return all;
}

Attempt<std::vector<po::option>> split(std::vector<std::string> words,
                                       Verb verb) {
  po::positional_options_description positions;
  positions.add("argument", -1);
  // No guessing: an abbreviation would change its meaning with a new option.
  const auto style = po::command_line_style::default_style &
                     ~po::command_line_style::allow_guessing;
  const auto all = described(verb);
  try {
    return po::command_line_parser(std::move(words))
        .options(all)
        .positional(positions)
        .style(style)
        .run()
        .options;
  } catch (const po::error& error) {
    return misuse(
        cat("cannot read the command line: ", text::printable(error.what())),
        info(verb).name);
  }
}

Attempt<void> take(const po::option& found, const std::filesystem::path& folder,
                   Invocation& invocation) {
  if (found.string_key == "help") {
    invocation.help = true;
    return {};
  }
  if (found.string_key == "argument" || found.position_key >= 0) {
    invocation.arguments.insert(invocation.arguments.end(), found.value.begin(),
                                found.value.end());
    return {};
  }
  const OptionInfo* option = find_option(found.string_key);
  if (option == nullptr) {
    return misuse(cat("cannot read the command line: unrecognised option '--",
                      text::printable(found.string_key), "'"),
                  info(invocation.verb).name);
  }
  auto& values = invocation.given[found.string_key];
  if (!values.empty() && !option->repeatable) {
    return misuse(cat("cannot use --", option->name, " more than once"),
                  info(invocation.verb).name);
  }
  values.push_back({found.value.empty() ? "true" : found.value.front(),
                    Source::command_line, "command line", folder});
  return {};
}

Attempt<void> check_arguments(const Invocation& invocation) {
  const VerbInfo& verb = info(invocation.verb);
  const bool runs = verb.verb == Verb::run || verb.verb == Verb::check_config;
  const std::size_t most = verb.verb == Verb::rollback ? 1 : 0;
  if (invocation.arguments.size() > most) {
    return misuse(
        cat("cannot use '", text::printable(invocation.arguments[most]),
            "' here", runs ? ": write the program after --" : ""),
        verb.name);
  }
  if (invocation.after_dashes && !runs && verb.verb != Verb::upgrade) {
    return misuse(cat("cannot use -- with ", verb.name), verb.name);
  }
  const auto both = [&](std::string_view one, std::string_view other) {
    return invocation.given.contains(one) && invocation.given.contains(other);
  };
  if (both("wait", "no-wait")) {
    return misuse("cannot use --wait and --no-wait together", verb.name);
  }
  if (both("no-build", "release")) {
    return misuse("cannot use --no-build with --release, which is not built",
                  verb.name);
  }
  // Nothing of what is said about a generation holds for the supervisor.
  for (const char* other :
       {"release", "no-build", "force", "end-probation", "no-wait", "json"}) {
    if (!both("supervisor", other)) continue;
    return misuse(cat("cannot use --supervisor with --", other), verb.name);
  }
  if (invocation.given.contains("supervisor") && invocation.after_dashes) {
    return misuse("cannot use --supervisor with --", verb.name);
  }
  return {};
}

Attempt<void> take_program(const std::filesystem::path& folder,
                           Invocation& invocation) {
  const bool runs =
      invocation.verb == Verb::run || invocation.verb == Verb::check_config;
  if (!runs || !invocation.after_dashes) return {};
  if (invocation.given.contains(kProgram)) {
    return misuse("cannot use --program and -- together",
                  info(invocation.verb).name);
  }
  if (invocation.after_dashes->empty() ||
      invocation.after_dashes->front().empty()) {
    return misuse("no program is named after --", info(invocation.verb).name);
  }
  invocation.given[std::string{kProgram}] = {
      {join_words(*invocation.after_dashes), Source::command_line,
       "command line", folder}};
  return {};
}

}  // namespace

Attempt<std::optional<Invocation>> read_command_line(
    std::span<const std::string> words, const std::filesystem::path& folder) {
  if (words.empty()) return misuse("cannot do anything: no verb is given");
  Invocation invocation;
  if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    return std::optional<Invocation>{};
  }
  const auto verb =
      words[0] == "--version" ? Verb::version : find_verb(words[0]);
  if (!verb) {
    const bool option = words[0].starts_with('-');
    return misuse(
        cat("cannot understand '", text::printable(words[0]),
            "': ", option ? "the verb comes first" : "there is no such verb"));
  }
  invocation.verb = *verb;
  const auto rest = words.subspan(1);
  const auto dashes = std::find(rest.begin(), rest.end(), "--");
  if (dashes != rest.end()) {
    invocation.after_dashes.emplace(dashes + 1, rest.end());
  }
  auto found = split({rest.begin(), dashes}, *verb);
  if (!found) return found.error();
  for (const po::option& each : *found) {
    if (auto taken = take(each, folder, invocation); !taken) {
      return taken.error();
    }
  }
  if (invocation.help) return std::optional{std::move(invocation)};
  if (auto fine = check_arguments(invocation); !fine) return fine.error();
  if (auto fine = take_program(folder, invocation); !fine) return fine.error();
  return std::optional{std::move(invocation)};
}

}  // namespace relaunch::cli
