// What this generation can give a successor that asks for it: states and files.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/os/open_file.hpp"
#include "relaunch/state.hpp"

namespace relaunch::handover {

/// Thread-safe. States and files have names of their own.
class Provisions {
 public:
  /// Errors: errc::invalid_argument if the name or the tag is malformed, there
  /// is no function, or the name is in use.
  Result<void> add_state(const std::string& name, StateOffer offer);
  /// Keeps a duplicate. Errors: the same; it is neither a file nor a pipe; the
  /// system has no handle for it.
  Result<void> add_file(const std::string& name, native_handle file);

  void remove_file(const std::string& name);

  /// errc::handover_refused: there is none; it says so if there is something
  /// of another kind under this name.
  Result<StateOffer> state(const std::string& name) const;
  struct ProvidedFile {
    os::FileFacts facts;
    os::Handle handle;
  };
  Result<std::shared_ptr<const ProvidedFile>> file(
      const std::string& name) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, StateOffer> states_;
  std::map<std::string, std::shared_ptr<const ProvidedFile>> files_;
};

}  // namespace relaunch::handover
