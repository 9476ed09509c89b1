#include "cli/progress.hpp"

#include <algorithm>
#include <charconv>

#include "common/base/text.hpp"

namespace relaunch::cli {
namespace {

using text::cat;

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";
/// To the line's begin, and away with what is on it.
/// https://vt100.net/docs/vt510-rm/EL.html
constexpr std::string_view kClear = "\r\x1b[2K";
constexpr std::size_t kBarColumns = 24;

std::optional<unsigned> take_number(std::string_view& rest) {
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  unsigned number = 0;
  const auto [end, failure] =
      std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (failure != std::errc{}) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return number;
}

bool take(std::string_view& rest, std::string_view expected) {
  if (!rest.starts_with(expected)) return false;
  rest.remove_prefix(expected.size());
  return true;
}

std::string bar(unsigned done, unsigned all) {
  const auto filled = static_cast<std::size_t>(std::uint64_t{kBarColumns} *
                                               std::min(done, all) / all);
  return cat('[', std::string(filled, '#'),
             std::string(kBarColumns - filled, '-'), ']');
}

/// Tabs are blanks in a line; other control characters are shown, not obeyed.
std::string shown(std::string_view line) {
  std::string out{line};
  std::replace(out.begin(), out.end(), '\t', ' ');
  return text::printable(out);
}

}  // namespace

Screen make_screen(std::optional<unsigned> terminal_width,
                   const std::optional<std::string>& no_color) {
  if (!terminal_width) return {};
  return {std::max(*terminal_width, 1U), !no_color || no_color->empty()};
}

std::optional<Step> parse_step(std::string_view line) {
  if (!take(line, "[")) return std::nullopt;
  const auto done = take_number(line);
  if (!done) return std::nullopt;
  std::optional<unsigned> all = 100;
  if (!take(line, "%")) {
    if (!take(line, "/")) return std::nullopt;
    all = take_number(line);
  }
  if (!all || *all == 0 || *done > *all || !take(line, "]")) {
    return std::nullopt;
  }
  take(line, " ");
  return Step{*done, *all, line};
}

std::string Progress::phase(std::string_view name, ms elapsed) {
  phase_ = text::printable(name);
  text_.clear();
  all_ = 0;
  if (screen_.width != 0) return tick(elapsed);
  return cat('[', clock(elapsed), "] ", phase_, '\n');
}

std::string Progress::line(std::string_view line, ms elapsed) {
  if (screen_.width == 0) return shown(line) + '\n';
  if (const auto step = parse_step(line)) {
    done_ = step->done;
    all_ = step->all;
    text_ = shown(step->text);
    return tick(elapsed);
  }
  return cat(kClear, shown(line), '\n', live_line(elapsed));
}

std::string Progress::tick(ms elapsed) const {
  if (screen_.width == 0) return {};
  return cat(kClear, live_line(elapsed));
}

std::string Progress::end() const {
  return screen_.width == 0 ? std::string{} : std::string{kClear};
}

std::string Progress::live_line(ms elapsed) const {
  std::string rest = cat("  ", clock(elapsed));
  if (all_ != 0) {
    rest += cat("  ", bar(done_, all_), ' ', done_, '/', all_, "  ", text_);
  }
  // The last column is left free: some terminals wrap when it is written.
  const std::size_t columns = screen_.width - 1;
  const std::string head = cut(phase_, columns);
  rest = cut(rest, columns - std::min(columns, head.size()));
  if (!screen_.color) return head + rest;
  return cat(kBold, head, kPlain, rest);
}

std::string cut(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t used = 0; at < text.size();) {
    const bool ascii = static_cast<unsigned char>(text[at]) < 0x80;
    used += ascii ? 1 : 2;
    if (used > columns) break;
    ++at;
    while (at < text.size() && (text[at] & '\xC0') == '\x80') ++at;
  }
  return std::string{text.substr(0, at)};
}

std::string clock(std::chrono::milliseconds elapsed) {
  const auto seconds = elapsed.count() / 1000;
  const auto two = [](auto number) {
    return cat(number < 10 ? "0" : "", number);
  };
  if (seconds < 3600) return cat(seconds / 60, ':', two(seconds % 60));
  return cat(seconds / 3600, ':', two(seconds / 60 % 60), ':',
             two(seconds % 60));
}

}  // namespace relaunch::cli
