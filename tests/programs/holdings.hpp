// What the test server keeps beside its listeners, as its recipe says:
//   state=TEXT          it provides this as the state "cache"
//   state_bytes=N       in place of that, so many bytes, each by its place
//   state_version=N     of the schema "rows"; 1
//   state_limit=N
//   state_throws=1      its writer throws
//   state_hangs=1       its writer does not come back, on a thread of its own
//   state_thread=1      its writer has a thread of its own
//   inherits=optional   it asks for that state, and says what came;
//   inherits=required   or cannot be without it
//   wish_version=N wish_oldest=N wish_tag=TEXT wish_limit=N wish_deadline=MS
//   carries_on=1        serves on though it was refused
//   delta=TEXT          it gives this when it drains
//   merges=1            it takes such
//   log=FILE            in its folder, opened for appending: the file "log"
//   log_from=ACCESS     it asks for that file, and writes a line into it
//   log_kind=pipe       as what
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "programs/recipe.hpp"
#include "relaunch/relaunch.hpp"

namespace relaunch::test {

class Holdings {
 public:
  using Say = std::function<void(const std::string&)>;

  Holdings(const Recipe& recipe, const std::filesystem::path& folder, Say say)
      : recipe_(recipe), folder_(folder), say_(std::move(say)) {}

  /// Before ready().
  void take_and_provide(Upgrader& upgrader);
  /// `alive` lives until it is told what became of it.
  void give_delta(const Drain& drain, std::shared_ptr<void> alive);

 private:
  StateOffer offer() const;
  void inherit_state(Upgrader& upgrader);
  void inherit_log(Upgrader& upgrader);
  std::string word(const std::string& key, const std::string& otherwise) const;

  const Recipe& recipe_;
  std::filesystem::path folder_;
  Say say_;
};

/// Byte number `at` of a state of `state_bytes`.
constexpr char state_byte(std::uint64_t at) {
  return static_cast<char>((at * 2654435761u) >> 13);
}

}  // namespace relaunch::test
