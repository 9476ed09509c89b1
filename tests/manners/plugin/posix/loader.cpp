#include "manners/plugin/loader.hpp"

#include <dlfcn.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "support/system_facts.hpp"

namespace relaunch::test {

LoadedLibrary::LoadedLibrary(const std::filesystem::path& file)
    : library_(::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (library_ == nullptr) throw std::runtime_error(::dlerror());
}

LoadedLibrary::~LoadedLibrary() { ::dlclose(library_); }

LoadedLibrary::Function LoadedLibrary::function(const char* name) const {
  return reinterpret_cast<Function>(::dlsym(library_, name));
}

bool is_loaded(const std::filesystem::path& file) {
  void* const found = ::dlopen(file.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (found != nullptr) ::dlclose(found);
  return found != nullptr;
}

bool wait_until_alone_in_process() {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  // One that was joined is still listed for a moment.
  for (int look = 0; look < 500; ++look) {
    if (own_facts().threads == 1) return true;
    never.wait_for(lock, std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace relaunch::test
