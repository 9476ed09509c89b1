// Whoever opens it owns it, in a UniqueHandle, from the same line.
#pragma once

#include <utility>

#include "relaunch/native.hpp"

namespace relaunch::os {

/// Sole owner of one native handle. Not thread-safe; moves leave it empty.
template <typename Traits>
class UniqueHandle {
 public:
  using native_type = typename Traits::native_type;

  UniqueHandle() noexcept : native_(Traits::invalid()) {}
  explicit UniqueHandle(native_type native) noexcept : native_(native) {}
  UniqueHandle(UniqueHandle&& other) noexcept : native_(other.release()) {}
  UniqueHandle& operator=(UniqueHandle&& other) noexcept {
    reset(other.release());  // closes what was held; safe for self-move
    return *this;
  }
  ~UniqueHandle() { reset(); }

  explicit operator bool() const noexcept {
    return native_ != Traits::invalid();
  }
  native_type get() const noexcept { return native_; }
  native_type release() noexcept {
    return std::exchange(native_, Traits::invalid());
  }
  void reset(native_type native = Traits::invalid()) noexcept {
    const native_type old = std::exchange(native_, native);
    if (old != Traits::invalid()) Traits::close(old);
  }

 private:
  native_type native_;
};

struct HandleTraits {
  using native_type = native_handle;
  static native_type invalid() noexcept { return kNoHandle; }
  static void close(native_type native) noexcept;
};

struct SocketTraits {
  using native_type = native_socket;
  static native_type invalid() noexcept { return kNoSocket; }
  static void close(native_type native) noexcept;
};

using Handle = UniqueHandle<HandleTraits>;
using Socket = UniqueHandle<SocketTraits>;

}  // namespace relaunch::os
