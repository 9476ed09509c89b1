// A state on its way: written by the incumbent, checked by the successor.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "common/base/result.hpp"
#include "common/os/channel.hpp"
#include "common/os/handle.hpp"
#include "relaunch/state.hpp"

namespace relaunch::handover {

/// Sealed memory with what is said of it.
struct WrittenState {
  StateSchema schema;
  std::uint64_t bytes = 0;
  std::string checksum;  ///< as in the protocol
  os::Handle memory;
};

/// Runs the application's function, here and now. Errors: what it threw; the
/// system has no memory; errc::stopped once `cancelled` is true.
Result<WrittenState> write_state(const StateSchema& schema, std::uint64_t limit,
                                 const std::function<void(StateWriter&)>& write,
                                 const std::atomic<bool>& cancelled);

/// What came is what was announced, and can be read: errc::handover_refused
/// says what is wrong. Reads all of it.
Result<State> read_state(const WrittenState& announced, os::Incoming& memory,
                         const StateWish& wish);

/// errc::handover_refused: another layout, or too old or too new.
Result<void> check_schema(const StateSchema& schema, const StateWish& wish);

/// errc::invalid_argument: a tag that is none, versions in the wrong order, a
/// deadline that is none.
Result<void> check_wish(const StateWish& wish);

}  // namespace relaunch::handover
