#include "greeting.hpp"

namespace hello {

void at_start() {}

std::string greeting() { return "hello"; }

bool healthy(std::uint64_t) { return true; }

}  // namespace hello
