// What must hold of every decoder, whatever bytes it is given. One function for
// each: libFuzzer looks for bytes that break it (fuzz_main.cpp), and the bytes
// of corpus/ are checked in every build (corpus_test.cpp).
#pragma once

#include <array>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace relaunch::fuzz {

/// The sanitizers see the rest: each check reads whatever it is given.
inline void require(bool holds, const std::string& promise) {
  if (!holds) throw std::logic_error("broken promise: " + promise);
}

void check_address(std::string_view bytes);
void check_control(std::string_view bytes);
void check_frames(std::string_view bytes);
void check_journal(std::string_view bytes);
void check_messages(std::string_view bytes);
void check_notices(std::string_view bytes);
void check_probes(std::string_view bytes);
void check_records(std::string_view bytes);
void check_requests(std::string_view bytes);
void check_slots(std::string_view bytes);
void check_text(std::string_view bytes);

/// Each has a folder of its name in corpus/.
struct Check {
  std::string_view name;
  void (*run)(std::string_view bytes);

  friend std::ostream& operator<<(std::ostream& out, const Check& check) {
    return out << check.name;
  }
};
inline constexpr std::array kChecks{
    Check{"address", check_address},   Check{"control", check_control},
    Check{"frames", check_frames},     Check{"journal", check_journal},
    Check{"messages", check_messages}, Check{"notices", check_notices},
    Check{"probes", check_probes},     Check{"records", check_records},
    Check{"requests", check_requests}, Check{"slots", check_slots},
    Check{"text", check_text}};

}  // namespace relaunch::fuzz
