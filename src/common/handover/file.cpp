#include "relaunch/file.hpp"

#include "common/os/handle.hpp"

namespace relaunch {

File::File(File&& other) noexcept
    : handle_(other.release()),
      kind_(other.kind_),
      access_(other.access_),
      why_not_(std::move(other.why_not_)) {}

File& File::operator=(File&& other) noexcept {
  const os::Handle old{std::exchange(handle_, other.release())};
  kind_ = other.kind_;
  access_ = other.access_;
  why_not_ = std::move(other.why_not_);
  return *this;
}

File::~File() { const os::Handle closed{release()}; }

}  // namespace relaunch
