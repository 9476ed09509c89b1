#include "cli/explain.hpp"

#include <algorithm>
#include <vector>

#include "common/base/text.hpp"

namespace relaunch::cli {
namespace {

using text::cat;

constexpr std::size_t kWidth = 80;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

/// `text` in lines that begin under `indent`; the first stands after `head`.
std::string wrapped(std::string head, std::string_view text,
                    std::size_t indent) {
  std::string out;
  std::string line = std::move(head);
  if (line.size() + 1 > indent) {
    out = line + '\n';
    line.clear();
  }
  line = padded(std::move(line), indent);
  bool fresh = true;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    if (!fresh && line.size() + 1 + word.size() > kWidth) {
      out += line + '\n';
      line = std::string(indent, ' ');
      fresh = true;
    }
    if (!fresh) line += ' ';
    line += word;
    fresh = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + line + '\n';
}

std::string option_line(const OptionInfo& option) {
  constexpr std::size_t kIndent = 30;
  std::string head = cat("  --", option.name);
  if (option.kind != Kind::flag) head += cat(' ', option.value);
  std::string help{option.help};
  if (!option.fallback.empty()) help += cat(" (", option.fallback, ")");
  return wrapped(std::move(head), help, kIndent);
}

struct Line {
  std::string key;
  std::string value;
  std::string origin;
};

/// What an option came to that nobody gave.
std::string made_value(std::string_view name, const supervisor::Options& made) {
  if (name == "name") return made.name;
  if (name == "state-folder") return text::utf8(made.state_folder);
  if (name == "run-folder") return text::utf8(made.run_folder);
  if (name == "folder") return text::utf8(made.folder);
  if (name == "build-folder" && !made.build.arguments.empty()) {
    return text::utf8(made.build.folder);
  }
  if (name == "no-stage") return made.artifact.empty() ? "true" : "false";
  return {};
}

/// A path as it is understood: absolute.
std::string shown_value(const OptionInfo& option, const Value& value) {
  if (option.kind == Kind::path) {
    return text::utf8(
        (value.base / text::path_from_utf8(value.text)).lexically_normal());
  }
  if (!option.secret) return value.text;
  return value.text.substr(0, value.text.find('=')) + "=...";
}

/// Taken back by `no-stage`, which a higher source says.
bool is_dropped(std::string_view name, const Settings& settings) {
  return settings.flag("no-stage") &&
         (name == "artifact" || name == "executable" || name == "build");
}

std::vector<Line> lines_of(const Settings& settings,
                           const supervisor::Options& made) {
  std::vector<Line> lines;
  for (const OptionInfo& option : options()) {
    if (!option.lasting || !option.is_for(Verb::run)) continue;
    const std::string key{option.name};
    for (const Value& value : settings.values(option.name)) {
      const bool dropped = is_dropped(option.name, settings);
      lines.push_back({key, dropped ? "" : shown_value(option, value),
                       value.origin + (dropped ? ", but no-stage" : "")});
    }
    if (settings.has(option.name)) continue;
    const auto value = made_value(option.name, made);
    lines.push_back({key, value, value.empty() ? "not set" : "default"});
  }
  return lines;
}

}  // namespace

std::string general_help() {
  std::string out =
      "relaunch: replaces a running server with a new build, and loses "
      "nothing\n\n"
      "  relaunch VERB [options]        relaunch VERB --help\n\nVerbs:\n";
  for (const VerbInfo& verb : verbs()) {
    out += wrapped(cat("  ", verb.name), verb.help, 16);
  }
  out +=
      "\nOptions are taken from the command line, then from variables "
      "(RELAUNCH_NAME\nfor --name), then from the file named by --config.\n\n"
      "Exit codes:\n";
  for (const auto& [code, meaning] : exit_codes()) {
    out += wrapped(cat("  ", static_cast<int>(code)), meaning, 6);
  }
  return out;
}

std::string help(Verb verb) {
  const VerbInfo& about = info(verb);
  std::string out = cat("relaunch ", about.name, ": ", about.help,
                        "\n\n  relaunch ", about.name, ' ', about.usage, '\n');
  if (!about.more.empty()) out += cat('\n', about.more);
  out += "\nOptions:\n";
  for (const OptionInfo& option : options()) {
    if (option.is_for(verb)) out += option_line(option);
  }
  out += "  --help                      print this\n";
  if (verb == Verb::run) {
    out +=
        "\nA TIME is 500ms, 10s, 2m or 1h. A COMMAND is split at blanks; '...' "
        "and \"...\"\nkeep their content together, and no shell is involved.\n";
  }
  return out;
}

std::string explain(const Settings& settings, const supervisor::Options& made) {
  const auto lines = lines_of(settings, made);
  std::size_t key_width = 0;
  std::size_t value_width = 0;
  constexpr std::size_t kWidest = 40;
  for (const Line& line : lines) {
    key_width = std::max(key_width, line.key.size());
    if (line.value.size() > kWidest) continue;
    value_width = std::max(value_width, line.value.size());
  }
  std::string out;
  for (const Line& line : lines) {
    out += cat(padded(line.key, key_width), " = ",
               padded(text::printable(line.value), value_width), "  (",
               text::printable(line.origin), ")\n");
  }
  return out;
}

}  // namespace relaunch::cli
