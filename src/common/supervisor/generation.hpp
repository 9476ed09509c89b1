// What the sources of this folder call a generation.
#pragma once

#include "common/upgrade/generation.hpp"

namespace relaunch::supervisor {

using SupervisedGeneration = upgrade::Generation;
using upgrade::Reports;

}  // namespace relaunch::supervisor
