// Every option that there is: the command line, the environment, the
// configuration file, the help and the documentation are made from this table
// or checked against it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace relaunch::cli {

enum class Verb {
  run,
  upgrade,
  rollback,
  status,
  history,
  events,
  reload,
  stop,
  abort,
  metrics,
  version,
  check_config,
  service,
};

struct VerbInfo {
  Verb verb;
  std::string_view name;
  std::string_view usage;  ///< what follows the name
  std::string_view help;   ///< one sentence
  std::string_view more;   ///< for its own help; may be empty
};
std::span<const VerbInfo> verbs();
const VerbInfo& info(Verb verb);
std::optional<Verb> find_verb(std::string_view name);

/// What a value may be; each has its check.
enum class Kind {
  flag,      ///< no value on the command line; elsewhere true or false
  text,      ///< anything
  name,      ///< letters, digits, '-', '_', '.'
  path,      ///< relative to where it was given
  inner,     ///< a relative path that stays below its folder
  words,     ///< a command: split by the rules of split_words()
  duration,  ///< 500ms, 10s, 2m, 1h
  count,     ///< a whole number from `least` to `limit`
  choice,    ///< one of `choices`
  probe,     ///< one of `choices`, some with what they need: http:/health
  listener,  ///< name=tcp://address:port, name=unix:///path
  variable,  ///< NAME=VALUE
};

/// Verbs as a set.
using VerbSet = unsigned;
constexpr VerbSet set_of(Verb verb) {
  return 1U << static_cast<unsigned>(verb);
}

struct OptionInfo {
  std::string_view name;  ///< without "--"
  Kind kind;
  std::string_view value;     ///< what the help calls it; empty for a flag
  std::string_view fallback;  ///< its default as text; empty: none
  std::string_view help;      ///< a phrase
  VerbSet verbs;
  /// Also in the environment and the configuration file.
  bool lasting = true;
  bool repeatable = false;
  /// Only the part before '=' is ever shown.
  bool secret = false;
  std::string_view choices = {};  ///< separated by '|'
  unsigned least = 0;
  unsigned limit = 0;

  bool is_for(Verb verb) const { return (verbs & set_of(verb)) != 0; }
};
std::span<const OptionInfo> options();
const OptionInfo* find_option(std::string_view name);

/// "drain-deadline" → "RELAUNCH_DRAIN_DEADLINE"
std::string variable_of(const OptionInfo& option);

/// The program to run and its arguments: after "--" on the command line.
inline constexpr std::string_view kProgram = "program";

}  // namespace relaunch::cli
