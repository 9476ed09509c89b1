// How a target without a configuration answers.
#pragma once

#include "common/control/target.hpp"

namespace relaunch::control {

inline void refuse_reload(const Target::OnEnd& on_end) {
  Outcome refused;
  refused.result = Outcome::Result::refused;
  refused.code = errc::not_permitted;
  refused.reason = "cannot reload: nothing to read again";
  on_end(refused);
}

}  // namespace relaunch::control
