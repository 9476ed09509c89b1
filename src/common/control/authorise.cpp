#include "common/control/authorise.hpp"

#include "common/base/text.hpp"

namespace relaunch::control {

Result<void> authorise(const os::Peer& peer, Verb verb) {
  if (peer.trusted) return {};
  return Error{std::make_error_code(std::errc::permission_denied),
               text::cat("process ", peer.pid, " may not ask for '",
                         to_string(verb), "'")};
}

}  // namespace relaunch::control
