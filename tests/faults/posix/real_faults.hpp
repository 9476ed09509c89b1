// A machine that lacks something for real: no seam in the program under test.
#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "common/os/handle.hpp"
#include "common/os/process.hpp"

namespace relaunch::test {

/// What a body needs for itself.
enum class Own {
  user,   ///< one without privileges; whom nobody else is, if we are root
  mounts  ///< whatever it mounts is seen by its children only
};

/// Runs it in a copy of this process, whose failed expectations fail the test.
/// Returns what is not permitted here, if something is not.
std::optional<std::string> run_with_own(Own what,
                                        const std::function<void()>& body);

enum class Scarce { descriptors, tasks };
/// Of another process of ours. Throws std::system_error.
void limit(os::ProcessId id, Scarce what, rlim_t value);
/// As it was for this process at its start.
void unlimit(os::ProcessId id, Scarce what);
/// The limit under which so many more can be opened.
rlim_t descriptors_with(os::ProcessId id, unsigned more);
bool is_stopped(os::ProcessId id);

/// A small disk in this folder, for run_with_own(Own::mounts).
class Disk {
 public:
  Disk(std::filesystem::path folder, std::size_t bytes);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

 private:
  std::filesystem::path folder_;
};
/// Leaves `room` bytes on the disk of this file.
void fill_disk(const std::filesystem::path& filler, std::size_t room);
/// While it lives nothing can be written in the folder.
class ReadOnly {
 public:
  explicit ReadOnly(std::filesystem::path folder);
  ~ReadOnly();
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;

 private:
  std::filesystem::path folder_;
};

/// Descriptors that were sent and not received, counted against their user.
class InFlight {
 public:
  explicit InFlight(std::size_t count);

 private:
  os::Handle from_;
  os::Handle to_;
};

}  // namespace relaunch::test
