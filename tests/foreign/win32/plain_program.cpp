#include "foreign/plain_program.hpp"

#include <filesystem>

#include "common/base/text.hpp"

namespace relaunch::test {

std::vector<std::string> plain_program() {
  return {text::utf8(std::filesystem::absolute(LISTENFD_PROGRAM))};
}

}  // namespace relaunch::test
