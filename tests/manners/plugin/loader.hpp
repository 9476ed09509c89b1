// A library that is loaded by its path, and unloaded again.
#pragma once

#include <filesystem>

namespace relaunch::test {

class LoadedLibrary {
 public:
  /// Throws std::runtime_error with the system's reason.
  explicit LoadedLibrary(const std::filesystem::path& file);
  ~LoadedLibrary();
  LoadedLibrary(const LoadedLibrary&) = delete;
  LoadedLibrary& operator=(const LoadedLibrary&) = delete;

  using Function = int (*)(const char*, const char*);
  Function function(const char* name) const;

 private:
  void* library_;
};

/// Is it in this process?
bool is_loaded(const std::filesystem::path& file);

/// Waits until no thread but the caller's is left. Windows: true, since threads
/// of the system's own pool stay for a while.
bool wait_until_alone_in_process();

}  // namespace relaunch::test
