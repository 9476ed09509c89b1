#include <gtest/gtest.h>

#include "cli/exit_code.hpp"
#include "cli/option_table.hpp"
#include "common/base/text.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::cli {
namespace {

using text::cat;

std::string operations() {
  return test::file_content(std::filesystem::path{RELAUNCH_DOCUMENTS} /
                            "operations.md");
}

/// In a table of Markdown a bar ends the cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string{c};
  return out;
}

std::string row(const OptionInfo& option) {
  return cat("| `--", option.name, option.value.empty() ? "" : " ",
             cell(option.value), "` | ", option.fallback,
             option.fallback.empty() ? "" : " ", "| ", cell(option.help),
             " |\n");
}

TEST(Documentation, HasARowForEachOptionAsTheTableSaysIt) {
  const auto text = operations();
  for (const OptionInfo& option : options()) {
    EXPECT_NE(text.find(row(option)), text.npos) << row(option);
  }
}

TEST(Documentation, HasARowForEachVerbAsTheTableSaysIt) {
  const auto text = operations();
  for (const VerbInfo& verb : verbs()) {
    const auto row =
        cat("| `relaunch ", verb.name, verb.usage.empty() ? "" : " ",
            cell(verb.usage), "` | ", verb.help, " |\n");
    EXPECT_NE(text.find(row), text.npos) << row;
  }
}

TEST(Documentation, HasARowForEachExitCodeAsTheTableSaysIt) {
  const auto text = operations();
  for (const auto& [code, meaning] : exit_codes()) {
    const auto row = cat("| ", static_cast<int>(code), " | ", meaning, " |\n");
    EXPECT_NE(text.find(row), text.npos) << row;
  }
}

}  // namespace
}  // namespace relaunch::cli
