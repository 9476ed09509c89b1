// The environment and the configuration file.
#include <algorithm>

#include "cli/settings.hpp"
#include "cli/values.hpp"
#include "common/base/text.hpp"

namespace relaunch::cli {
namespace {

using text::cat;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

struct Place {
  std::string_view file;
  std::size_t line = 0;
  std::string text() const { return cat(file, ':', line); }
};

Failure bad_line(const Place& place, std::string_view why) {
  return Failure{ExitCode::configuration,
                 cat("cannot read ", text::printable(place.text()), ": ", why)};
}

Attempt<void> take_line(std::string_view line, const Place& place,
                        const std::filesystem::path& base, Layer& layer) {
  if (line.empty() || line.front() == '#' || line.front() == ';') return {};
  if (line.front() == '[') {
    if (line == "[relaunch]") return {};
    return bad_line(place, cat("there is no section '", text::printable(line),
                               "', only [relaunch]"));
  }
  const auto equals = line.find('=');
  if (equals == line.npos) return bad_line(place, "a line is key = value");
  const auto key = trimmed(line.substr(0, equals));
  const OptionInfo* option = find_option(key);
  if (option == nullptr || !option->lasting || key == "config") {
    return bad_line(place, cat("unknown key '", text::printable(key), "'"));
  }
  auto& values = layer[std::string{key}];
  if (!values.empty() && !option->repeatable) {
    return bad_line(place, cat("'", key, "' stands above already"));
  }
  values.push_back({std::string{trimmed(line.substr(equals + 1))}, Source::file,
                    place.text(), base});
  return {};
}

}  // namespace

Attempt<Layer> read_config(std::string_view text,
                           const std::filesystem::path& file) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());  // some editors write it
  }
  const std::string name = text::utf8(file);
  Layer layer;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    auto taken = take_line(trimmed(text.substr(0, end)), {name, line},
                           file.parent_path(), layer);
    if (!taken) return taken.error();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return layer;
}

Attempt<Layer> read_environment(std::span<const std::string> environment,
                                const std::filesystem::path& folder) {
  Layer layer;
  for (const OptionInfo& option : options()) {
    if (!option.lasting) continue;
    const auto variable = variable_of(option);
    const auto prefix = variable + '=';
    for (const std::string& entry : environment) {
      // Set to nothing is not set.
      if (!entry.starts_with(prefix) || entry == prefix) continue;
      const Value value{entry.substr(prefix.size()), Source::environment,
                        variable, folder};
      if (!option.repeatable) {
        layer[std::string{option.name}] = {value};
        continue;
      }
      const auto words = split_words(value.text);
      if (!words) return bad_value(option, value, words.error().why);
      auto& values = layer[std::string{option.name}];
      values.clear();
      for (const auto& word : *words) {
        values.push_back({word, value.source, value.origin, folder});
      }
      if (values.empty()) layer.erase(std::string{option.name});
    }
  }
  return layer;
}

}  // namespace relaunch::cli
