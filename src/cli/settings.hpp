// What was asked for, and where: command line, environment, configuration
// file, in that precedence; then the defaults.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.hpp"
#include "cli/option_table.hpp"
#include "common/base/result.hpp"

namespace relaunch::cli {

/// In the order of their precedence.
enum class Source { fallback, file, environment, command_line };

/// One value as it was written.
struct Value {
  std::string text;
  Source source = Source::fallback;
  std::string origin;          ///< "default", "server.ini:12", "RELAUNCH_NAME"
  std::filesystem::path base;  ///< relative paths start here
};

/// What one source says: its options by name, each at least once.
using Layer = std::map<std::string, std::vector<Value>, std::less<>>;

/// Of all sources the one that counts, for each option that has a value.
class Settings {
 public:
  explicit Settings(Layer values) : values_(std::move(values)) {}

  bool has(std::string_view name) const { return values_.contains(name); }
  /// As text; empty if it has none.
  std::string_view text(std::string_view name) const;
  const Value* value(std::string_view name) const;
  std::span<const Value> values(std::string_view name) const;
  bool flag(std::string_view name) const;

  void drop(std::string_view name);

 private:
  Layer values_;
};

/// The command line, read.
struct Invocation {
  Verb verb = Verb::run;
  bool help = false;
  Layer given;
  std::vector<std::string> arguments;                    ///< without a "--name"
  std::optional<std::vector<std::string>> after_dashes;  ///< after "--"
};

/// `words`: without the program's name, which `--help` and `--version` alone
/// may stand for a verb. Nothing: the help was asked for, no verb.
Attempt<std::optional<Invocation>> read_command_line(
    std::span<const std::string> words, const std::filesystem::path& folder);

/// RELAUNCH_…: what is no option's variable is somebody else's.
Attempt<Layer> read_environment(std::span<const std::string> environment,
                                const std::filesystem::path& folder);

/// `key = value`, one a line; `#` or `;` begin a comment, `[relaunch]` may
/// stand above. Anything else is an error with its line.
Attempt<Layer> read_config(std::string_view text,
                           const std::filesystem::path& file);

/// What the sources are read from.
struct Surroundings {
  std::filesystem::path folder;  ///< where relative paths start
  std::vector<std::string> environment;
  std::function<Result<std::string>(const std::filesystem::path&)> read_file;
};

/// All sources together, each value checked for the options of this verb.
Attempt<Settings> resolve(const Invocation& invocation,
                          const Surroundings& surroundings);

/// "cannot use --grace '5x' (RELAUNCH_GRACE): <why>"
Failure bad_value(const OptionInfo& option, const Value& value,
                  std::string_view why);

}  // namespace relaunch::cli
