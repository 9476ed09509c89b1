#include "demo/terminal.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace relaunch::demo {
namespace {

constexpr std::string_view kPlain = "";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kReset = "\x1b[0m";

bool is_number(const std::string& cell) {
  return !cell.empty() && std::all_of(cell.begin(), cell.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '-';
  });
}

}  // namespace

void Terminal::print(std::string_view style, std::string_view text) const {
  const bool styled = colours_ && !style.empty();
  std::string line;
  if (styled) line += style;
  line += text;
  if (styled) line += kReset;
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

void Terminal::title(std::string_view text) const { print(kBold, text); }

void Terminal::step(int number, std::string_view text) const {
  print(kPlain, "");
  print(kBold, std::to_string(number) + ". " + std::string(text));
}

void Terminal::say(std::string_view text) const {
  print(kPlain, "   " + std::string(text));
}

void Terminal::good(std::string_view text) const {
  print(kGreen, "   " + std::string(text));
}

void Terminal::bad(std::string_view text) const {
  print(kRed, "   " + std::string(text));
}

void Terminal::quote(std::string_view line) const {
  print(kDim, "   | " + std::string(line));
}

void Terminal::removed(std::string_view line) const {
  print(kRed, "   - " + std::string(line));
}

void Terminal::added(std::string_view line) const {
  print(kGreen, "   + " + std::string(line));
}

void Terminal::table(const std::vector<std::vector<std::string>>& rows) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  print(kPlain, "");
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - row[i].size(), ' ');
      // A heading stands as the numbers below it do.
      const bool right = is_number(rows.back()[i]);
      line += (right ? pad + row[i] : row[i] + pad) + "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    print(&row == &rows.front() ? kBold : kPlain, line);
  }
  print(kPlain, "");
}

void Terminal::last_line(std::string_view text) const { print(kPlain, text); }

}  // namespace relaunch::demo
