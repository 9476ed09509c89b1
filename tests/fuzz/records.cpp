#include "common/release/records.hpp"

#include "fuzz/properties.hpp"

// The bytes are any of the files of the state folder.
namespace relaunch::fuzz {

void check_records(std::string_view bytes) {
  using namespace release;
  if (const auto record = read_release(bytes)) {
    const std::string written = write_release(*record);
    const auto again = read_release(written);
    require(again && again->executable == record->executable &&
                again->artifact == record->artifact,
            "a release's record comes back as it was");
  }
  if (const auto record = read_current(bytes)) {
    const auto again = read_current(write_current(*record));
    require(again && again->current.release == record->current.release &&
                again->current.generation == record->current.generation &&
                again->current.pid == record->current.pid &&
                again->history == record->history,
            "the committed record comes back as it was");
  }
  const auto held = read_held(bytes);
  const auto again = read_held(write_held(held));
  require(held.size() == again.size(), "what is held stays held");
  for (std::size_t i = 0; i < held.size(); ++i) {
    require(held[i].release == again[i].release &&
                held[i].reason == again[i].reason,
            "what is held comes back as it was");
  }
}

}  // namespace relaunch::fuzz
