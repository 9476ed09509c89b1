// What the linked example says: GREETING.
#include "greeting.hpp"

namespace hello {

void at_start() {}

std::string greeting() { return GREETING; }

bool healthy(std::uint64_t) { return true; }

}  // namespace hello
