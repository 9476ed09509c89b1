// Listeners that a program shares and may end for everybody.
//
// A program that calls shutdown() on a listener means its own copy, but the
// socket is one for all who have it: its queue is refused, and no client is
// accepted until somebody listens again.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/address.hpp"
#include "common/handover/listeners.hpp"
#include "common/os/process.hpp"
#include "common/upgrade/context.hpp"

namespace relaunch::supervisor {

/// Copies look after the same listeners. All calls on the library's thread.
class ListenerCare {
 public:
  ListenerCare(const upgrade::Context& context,
               const handover::ListenerSet& listeners)
      : context_(&context), listeners_(&listeners) {}

  /// This one is given away: where it really listens is remembered, since the
  /// system may forget.
  void note(const handover::ListenerSet::Entry& entry);
  /// Makes listen again what does not, and says that this process, which had
  /// them, has done it.
  void look(os::ProcessId user) const;

 private:
  const upgrade::Context* context_;
  const handover::ListenerSet* listeners_;
  std::vector<std::pair<std::string, Address>> given_;
};

}  // namespace relaunch::supervisor
