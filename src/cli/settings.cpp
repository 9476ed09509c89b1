#include "cli/settings.hpp"

#include <utility>

#include "cli/values.hpp"
#include "common/base/text.hpp"

namespace relaunch::cli {
namespace {

using text::cat;

Attempt<void> check_values(const Layer& layer, Verb verb) {
  for (const auto& [name, values] : layer) {
    const OptionInfo* option = find_option(name);
    if (option == nullptr || !option->is_for(verb)) continue;
    for (const Value& value : values) {
      const auto checked = check_value(*option, value.text);
      if (!checked) return bad_value(*option, value, checked.error().why);
    }
  }
  return {};
}

void lay_over(Layer& below, Layer above) {
  for (auto& [name, values] : above) below[name] = std::move(values);
}

Layer fallbacks() {
  Layer layer;
  for (const OptionInfo& option : options()) {
    if (option.fallback.empty()) continue;
    layer[std::string{option.name}] = {
        {std::string{option.fallback}, Source::fallback, "default", {}}};
  }
  return layer;
}

/// The file that was named, if one was.
Attempt<Layer> config_layer(const Layer& above,
                            const Surroundings& surroundings) {
  const auto found = above.find("config");
  if (found == above.end()) return Layer{};
  const Value& value = found->second.back();
  const auto checked = check_value(*find_option("config"), value.text);
  if (!checked) {
    return bad_value(*find_option("config"), value, checked.error().why);
  }
  const auto file = value.base / text::path_from_utf8(value.text);
  const auto content = surroundings.read_file(file);
  if (!content) {
    return Failure{exit_code(content.error()), content.error().text()};
  }
  return read_config(*content, file);
}

}  // namespace

const Value* Settings::value(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second.back();
}

std::span<const Value> Settings::values(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return {};
  return found->second;
}

std::string_view Settings::text(std::string_view name) const {
  const Value* found = value(name);
  return found ? std::string_view{found->text} : std::string_view{};
}

bool Settings::flag(std::string_view name) const {
  const auto set = parse_flag(text(name));
  return set && *set;
}

void Settings::drop(std::string_view name) {
  const auto found = values_.find(name);
  if (found != values_.end()) values_.erase(found);
}

Failure bad_value(const OptionInfo& option, const Value& value,
                  std::string_view why) {
  const bool typed = value.source == Source::command_line;
  auto shown =
      option.secret ? value.text.substr(0, value.text.find('=')) : value.text;
  return Failure{
      typed ? ExitCode::usage : ExitCode::configuration,
      cat("cannot use --", option.name, " '", text::printable(shown), "'",
          typed ? std::string{} : cat(" (", text::printable(value.origin), ")"),
          ": ", why)};
}

Attempt<Settings> resolve(const Invocation& invocation,
                          const Surroundings& surroundings) {
  auto above = read_environment(surroundings.environment, surroundings.folder);
  if (!above) return above.error();
  lay_over(*above, invocation.given);
  auto file = config_layer(*above, surroundings);
  if (!file) return file.error();
  Layer all = fallbacks();
  lay_over(all, std::move(*file));
  lay_over(all, std::move(*above));
  if (auto checked = check_values(all, invocation.verb); !checked) {
    return checked.error();
  }
  return Settings{std::move(all)};
}

}  // namespace relaunch::cli
