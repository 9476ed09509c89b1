// What the demo prints: steps, what others say, a table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relaunch::demo {

class Terminal {
 public:
  explicit Terminal(bool colours) : colours_(colours) {}

  void title(std::string_view text) const;
  /// "3. Does not compile"
  void step(int number, std::string_view text) const;
  void say(std::string_view text) const;
  void good(std::string_view text) const;
  void bad(std::string_view text) const;
  /// A line of another program, set apart.
  void quote(std::string_view line) const;
  void removed(std::string_view line) const;
  void added(std::string_view line) const;
  /// The first row is the heading; what looks like a number goes right.
  void table(const std::vector<std::vector<std::string>>& rows) const;
  void last_line(std::string_view text) const;

 private:
  void print(std::string_view style, std::string_view text) const;

  bool colours_;
};

}  // namespace relaunch::demo
