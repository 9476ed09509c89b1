// A scratch copy of the hello example's source, and its build.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace relaunch::demo {

/// One change of greeting.cpp.
struct Edit {
  std::string_view before;  ///< must be there, once
  std::string_view after;
};

class Workshop {
 public:
  using OnLine = std::function<void(std::string_view)>;
  using Words = std::vector<std::string>;

  /// `folder` is a path as the build command understands it. It is made anew.
  /// Throws std::runtime_error.
  Workshop(std::filesystem::path source, std::string folder);

  /// Runs a command to its end; false: it failed.
  bool run(const Words& command, const OnLine& on_line) const;
  /// greeting.cpp as it was, with these changes.
  void edit(const std::vector<Edit>& edits) const;
  void remove() const;

  std::filesystem::path path(const std::string& name) const {
    return std::filesystem::absolute(folder_ + '/' + name);
  }

 private:
  std::string folder_;
  std::string greeting_;
};

}  // namespace relaunch::demo
