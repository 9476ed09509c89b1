// Listeners for a process that is being started: in memory that it inherits,
// written while it is still suspended, since they are made for its number.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/os/process.hpp"
#include "win32/win32.hpp"

namespace relaunch::os::win32 {

/// Names the section in the environment of the new process.
inline constexpr char kPassedSockets[] = "RELAUNCH_PASSED_SOCKETS";

class Passing {
 public:
  /// With room for these, and nothing in it yet.
  static Result<Passing> prepare(const std::vector<PassedListener>& listeners);

  /// Not inheritable itself.
  native_handle section() const { return section_.get(); }
  /// The same listeners, for this process, which has not begun to run. It has
  /// handles of its own then, which end with it.
  Result<void> fill(const std::vector<PassedListener>& listeners,
                    ProcessId receiver) const;

 private:
  Passing(Handle section, std::size_t size)
      : section_(std::move(section)), size_(size) {}

  Handle section_;
  std::size_t size_ = 0;
};

struct Passed {
  std::vector<std::string> names;
  std::string handles;  ///< as transfer.hpp has them
};
/// What is written there. Errors: it is no such memory.
Result<Passed> read_passed(native_handle section);

}  // namespace relaunch::os::win32
