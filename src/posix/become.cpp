#include "common/os/become.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/text.hpp"
#include "common/os/system.hpp"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

namespace relaunch::os {

Error become(const std::filesystem::path& executable,
             const std::vector<std::string>& arguments) {
  std::vector<char*> words;
  for (const std::string& word : arguments) {
    // execv promises not to change them.
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  // Since Linux 5.9, the flag since 5.11; before, what a library opened without
  // O_CLOEXEC stays open.
  // https://man7.org/linux/man-pages/man2/close_range.2.html
  (void)::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execv(executable.c_str(), words.data());
  return Error{last_error(),
               text::cat("cannot go on as ", executable, ": execv")};
}

}  // namespace relaunch::os
