// What tells one test release from another: lines of key=value behind the
// bytes of an executable. ELF and PE loaders ignore what follows the image, so
// a release with another behaviour is "built" by copying a file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace relaunch::test {

using Recipe = std::map<std::string, std::string>;

/// Lines of key=value; what has no '=' is left out.
Recipe parse_recipe(std::string_view text);
std::string to_text(const Recipe& recipe);

/// The bytes to write behind an executable.
std::string recipe_block(std::string_view text);
/// The recipe behind an executable's bytes; empty if there is none.
Recipe read_recipe(const std::filesystem::path& executable);

/// Nothing if the key is not there.
const std::string* find(const Recipe& recipe, const std::string& key);
/// 0 if the key is not there or no number.
int number(const Recipe& recipe, const std::string& key);

}  // namespace relaunch::test
