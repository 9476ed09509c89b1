// State that goes from one generation to the next.
//
// The incumbent writes it once, into memory that both then share; the
// successor maps it and can only read it. No process has a second copy.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "relaunch/error.hpp"
#include "relaunch/export.hpp"

namespace relaunch {

/// What the bytes of a state mean, for the release that is to read them.
struct StateSchema {
  /// Names the layout, as a listener's name is made.
  std::string tag = "bytes";
  std::uint32_t version = 1;
};

/// Where a state is written, from its first byte to its last.
class RELAUNCH_EXPORT StateWriter {
 public:
  /// Throws Error:
  /// errc::invalid_argument  more bytes than the limit
  /// errc::stopped           nobody waits for it any more
  /// a system error          there is no memory for it
  /// Let it through: the state is not given then, with this reason.
  void write(const void* bytes, std::size_t size);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  /// Written so far.
  std::uint64_t size() const;

  struct Impl;
  explicit StateWriter(Impl& impl) : impl_(impl) {}
  StateWriter(const StateWriter&) = delete;
  StateWriter& operator=(const StateWriter&) = delete;

 private:
  Impl& impl_;
};

/// A state that this generation can give.
struct StateOffer {
  StateSchema schema{};
  /// Called whenever a successor asks for it, while this generation serves. It
  /// must change nothing that an upgrade that is taken back would need. What it
  /// throws is the reason why the state is not given.
  ///
  /// Once at a time for one successor; one of an upgrade that has failed may
  /// still be writing when the next asks.
  ///
  /// It is not called any more once on_drain is, and one that is being called
  /// then is told by its next write(); on_drain waits for it, at most
  /// Deadlines::pause, and the Upgrader's destructor as long as it takes.
  std::function<void(StateWriter&)> write{};
  /// No more bytes than these, nor than the successor wants.
  std::uint64_t limit = std::uint64_t{1} << 30;
  /// Call `write` on a thread of its own, so that serving goes on while much is
  /// written: it must lock what it reads. Else it is called where callbacks
  /// run. Without an Options::executor it always has a thread of its own.
  bool own_thread = false;
};

/// A state that a successor asks for.
struct StateWish {
  /// The tag, and the newest version that it can read.
  StateSchema schema{};
  /// The oldest one.
  std::uint32_t oldest_version = 1;
  /// An incumbent that does not give it is not succeeded: the upgrade is
  /// abandoned, with the reason. Else it is a cold start.
  bool required = false;
  std::uint64_t limit = std::uint64_t{1} << 30;
  /// Until it is here; then it is checked. Deadlines::ready goes on meanwhile.
  std::chrono::milliseconds deadline = std::chrono::seconds{30};
};

/// What came, read-only, as long as this lives. Moves leave it empty. Any
/// thread may read; else not thread-safe.
class RELAUNCH_EXPORT State {
 public:
  /// There is none: a cold start.
  State() noexcept;
  State(State&&) noexcept;
  State& operator=(State&&) noexcept;
  ~State();  ///< gives the memory back

  /// It came, if it has no bytes too.
  explicit operator bool() const noexcept { return impl_ != nullptr; }
  const std::byte* data() const noexcept;
  std::size_t size() const noexcept;
  std::string_view bytes() const noexcept {
    return {reinterpret_cast<const char*>(data()), size()};
  }
  const StateSchema& schema() const noexcept { return schema_; }
  /// Why there is none; empty if there is one.
  const std::string& why_not() const noexcept { return why_not_; }

  struct Impl;
  State(std::unique_ptr<Impl> impl, StateSchema schema);
  explicit State(std::string why_not);

 private:
  std::unique_ptr<Impl> impl_;
  StateSchema schema_;
  std::string why_not_;
};

}  // namespace relaunch
