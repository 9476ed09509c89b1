#include "programs/recipe.hpp"

#include <charconv>
#include <cstdio>
#include <fstream>

namespace relaunch::test {
namespace {

// The block: the text, then "recipe:" and its length in eight hex digits.
constexpr std::string_view kFooter = "recipe:";
constexpr std::size_t kDigits = 8;
constexpr std::size_t kFooterBytes = kFooter.size() + kDigits;

}  // namespace

Recipe parse_recipe(std::string_view text) {
  Recipe recipe;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t equals = line.find('=');
    if (equals == line.npos) continue;
    recipe[std::string(line.substr(0, equals))] = line.substr(equals + 1);
  }
  return recipe;
}

std::string to_text(const Recipe& recipe) {
  std::string text;
  for (const auto& [key, value] : recipe) text += key + '=' + value + '\n';
  return text;
}

std::string recipe_block(std::string_view text) {
  char digits[kDigits + 1] = {};
  std::snprintf(digits, sizeof digits, "%08zx", text.size());
  return std::string(text).append(kFooter).append(digits);
}

Recipe read_recipe(const std::filesystem::path& executable) {
  std::ifstream file(executable, std::ios::binary);
  file.seekg(-static_cast<std::streamoff>(kFooterBytes), std::ios::end);
  std::string footer(kFooterBytes, '\0');
  file.read(footer.data(), static_cast<std::streamsize>(footer.size()));
  if (!file || !footer.starts_with(kFooter)) return {};
  std::size_t size = 0;
  std::from_chars(footer.data() + kFooter.size(), footer.data() + footer.size(),
                  size, 16);
  file.seekg(-static_cast<std::streamoff>(kFooterBytes + size), std::ios::end);
  std::string text(size, '\0');
  file.read(text.data(), static_cast<std::streamsize>(size));
  return file ? parse_recipe(text) : Recipe{};
}

const std::string* find(const Recipe& recipe, const std::string& key) {
  const auto entry = recipe.find(key);
  return entry == recipe.end() ? nullptr : &entry->second;
}

int number(const Recipe& recipe, const std::string& key) {
  const std::string* text = find(recipe, key);
  int value = 0;
  if (text != nullptr) {
    std::from_chars(text->data(), text->data() + text->size(), value);
  }
  return value;
}

}  // namespace relaunch::test
