// One check as a libFuzzer target: CHECK is its name.
#include <cstddef>
#include <cstdint>

#include "fuzz/properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  // A broken promise is an exception, which ends the program here.
  relaunch::fuzz::CHECK({reinterpret_cast<const char*>(data), size});
  return 0;
}
