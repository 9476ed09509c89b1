#include "manners/plugin/loader.hpp"

#include <stdexcept>
#include <string>

#include "win32/win32.hpp"

namespace relaunch::test {

LoadedLibrary::LoadedLibrary(const std::filesystem::path& file)
    : library_(LoadLibraryExW(file.c_str(), nullptr,
                              LOAD_WITH_ALTERED_SEARCH_PATH)) {
  if (library_ == nullptr) {
    throw std::runtime_error("LoadLibraryExW: " +
                             std::to_string(GetLastError()));
  }
}

LoadedLibrary::~LoadedLibrary() { FreeLibrary(static_cast<HMODULE>(library_)); }

LoadedLibrary::Function LoadedLibrary::function(const char* name) const {
  return reinterpret_cast<Function>(reinterpret_cast<void*>(
      GetProcAddress(static_cast<HMODULE>(library_), name)));
}

bool is_loaded(const std::filesystem::path& file) {
  return GetModuleHandleW(file.filename().c_str()) != nullptr;
}

bool wait_until_alone_in_process() { return true; }

}  // namespace relaunch::test
