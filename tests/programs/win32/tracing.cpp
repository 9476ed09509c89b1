#include "programs/tracing.hpp"

namespace relaunch::test {

void follow_if_wanted() {}

}  // namespace relaunch::test
