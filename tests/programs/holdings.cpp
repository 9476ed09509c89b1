#include "programs/holdings.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "support/open_files.hpp"

namespace relaunch::test {
namespace {

void write_places(StateWriter& out, std::uint64_t bytes) {
  std::string piece;
  for (std::uint64_t at = 0; at < bytes;) {
    piece.clear();
    const std::uint64_t end = std::min<std::uint64_t>(bytes, at + 65'536);
    for (; at < end; ++at) piece += state_byte(at);
    out.write(piece);
  }
}

bool has_places(const State& state) {
  const std::string_view bytes = state.bytes();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] != state_byte(at)) return false;
  }
  return true;
}

/// Until somebody has no patience any more.
void wait_in_vain(StateWriter& out) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  for (int i = 0; i < 1200; ++i) {
    never.wait_for(lock, std::chrono::milliseconds(50));
    out.write(std::string(300'000, '.'));
  }
}

FileAccess access_from(const std::string& text) {
  return text == "read"    ? FileAccess::read
         : text == "write" ? FileAccess::write
                           : FileAccess::read_write;
}

}  // namespace

std::string Holdings::word(const std::string& key,
                           const std::string& otherwise) const {
  const std::string* found = find(recipe_, key);
  return found == nullptr ? otherwise : *found;
}

StateOffer Holdings::offer() const {
  StateOffer offer;
  offer.schema = {"rows", static_cast<std::uint32_t>(
                              std::stoul(word("state_version", "1")))};
  offer.limit = std::stoull(word("state_limit", "1000000000"));
  offer.own_thread = find(recipe_, "state_thread") != nullptr ||
                     find(recipe_, "state_hangs") != nullptr;
  offer.write = [text = word("state", ""), hangs = find(recipe_, "state_hangs"),
                 throws = find(recipe_, "state_throws"),
                 bytes =
                     std::stoull(word("state_bytes", "0"))](StateWriter& out) {
    if (throws != nullptr) throw std::runtime_error("no rows today");
    if (hangs != nullptr) wait_in_vain(out);
    out.write(text);
    write_places(out, bytes);
  };
  return offer;
}

void Holdings::take_and_provide(Upgrader& upgrader) {
  if (find(recipe_, "inherits") != nullptr) inherit_state(upgrader);
  if (find(recipe_, "log_from") != nullptr) inherit_log(upgrader);
  if (find(recipe_, "state") != nullptr ||
      find(recipe_, "state_bytes") != nullptr) {
    upgrader.provide_state("cache", offer());
  }
  if (const std::string* log = find(recipe_, "log")) {
    upgrader.provide_file("log", open_for_appending(folder_ / *log).get());
  }
  if (find(recipe_, "merges") != nullptr) {
    StateWish wish;
    wish.schema = {"rows", 9};
    upgrader.on_state_delta("cache", wish, [say = say_](const State& delta) {
      say("delta: " + std::string(delta.bytes()));
    });
  }
}

void Holdings::inherit_state(Upgrader& upgrader) {
  StateWish wish;
  wish.schema = {
      word("wish_tag", "rows"),
      static_cast<std::uint32_t>(std::stoul(word("wish_version", "1")))};
  wish.oldest_version =
      static_cast<std::uint32_t>(std::stoul(word("wish_oldest", "1")));
  wish.limit = std::stoull(word("wish_limit", "1000000000"));
  wish.deadline =
      std::chrono::milliseconds(std::stoul(word("wish_deadline", "20000")));
  wish.required = recipe_.at("inherits") == "required";
  try {
    const State state = upgrader.inherited_state("cache", wish);
    if (!state) {
      say_("state: none, " + state.why_not());
    } else if (find(recipe_, "state_bytes") != nullptr) {
      say_("state: " + std::to_string(state.size()) + " bytes " +
           (has_places(state) ? "as written" : "damaged"));
    } else {
      say_("state: " + std::string(state.bytes()));
    }
  } catch (const Error& error) {
    say_("state: refused, " + error.text());
    if (find(recipe_, "carries_on") == nullptr) throw;
  }
}

void Holdings::inherit_log(Upgrader& upgrader) {
  const FileKind kind =
      word("log_kind", "file") == "pipe" ? FileKind::pipe : FileKind::file;
  const File log =
      upgrader.inherited_file("log", kind, access_from(recipe_.at("log_from")));
  if (!log) return say_("file: none, " + log.why_not());
  say_(write_bytes(log.handle(), "from the successor\n") ? "file: written"
                                                         : "file: not written");
}

void Holdings::give_delta(const Drain& drain, std::shared_ptr<void> alive) {
  const std::string* text = find(recipe_, "delta");
  if (text == nullptr) return;
  StateOffer delta;
  delta.schema = {"rows", 2};
  delta.write = [text](StateWriter& out) { out.write(*text); };
  drain.hand_over_delta(
      "cache", delta,
      [say = say_,
       alive = std::move(alive)](const std::optional<Error>& error) {
        say(error ? "delta: not taken, " + error->text() : "delta: taken");
      });
}

}  // namespace relaunch::test
