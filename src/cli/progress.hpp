// What is shown while an upgrade goes on. Pure: each function answers the bytes
// to write to standard error.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace relaunch::cli {

/// What it is shown on.
struct Screen {
  unsigned width = 0;  ///< columns; 0: no terminal, whole lines only
  bool color = false;
};
/// `no_color` is the variable NO_COLOR (https://no-color.org): set to anything,
/// it keeps colours away, and nothing else.
Screen make_screen(std::optional<unsigned> terminal_width,
                   const std::optional<std::string>& no_color);

/// "[12/40] Linking server" of ninja, "[ 30%] Building …" of make.
struct Step {
  unsigned done = 0;
  unsigned all = 0;
  std::string_view text;
};
std::optional<Step> parse_step(std::string_view line);

/// On a terminal one live line at the bottom: phase, time, a bar. Elsewhere a
/// line for each phase and each line of the build.
class Progress {
 public:
  using ms = std::chrono::milliseconds;

  explicit Progress(Screen screen) : screen_(screen) {}

  std::string phase(std::string_view name, ms elapsed);
  /// What the build printed, without its end.
  std::string line(std::string_view line, ms elapsed);
  /// Time has passed.
  std::string tick(ms elapsed) const;
  /// Takes the live line away: something else is printed below.
  std::string end() const;

 private:
  std::string live_line(ms elapsed) const;

  Screen screen_;
  std::string phase_;
  std::string text_;  ///< of the last step
  unsigned done_ = 0;
  unsigned all_ = 0;
};

/// As much of it as fits into so many columns. A character outside ASCII may
/// take two: counted so, nothing ever wraps.
std::string cut(std::string_view text, std::size_t columns);

/// "0:07", "1:02:03"
std::string clock(std::chrono::milliseconds elapsed);

}  // namespace relaunch::cli
