#include "common/supervisor/takeover.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/become.hpp"
#include "common/os/process.hpp"
#include "common/release/record_file.hpp"
#include "common/release/records.hpp"
#include "common/release/store.hpp"
#include "common/supervisor/journal.hpp"

namespace relaunch::supervisor {

Result<void> check_takeover(const Options& options,
                            std::vector<os::PassedSocket> passed) {
  const auto no = [](std::string_view reason) {
    return Error{errc::not_permitted, text::cat("cannot take over: ", reason)};
  };
  const auto entries = Journal{options.state_folder / "journal"}.read();
  if (entries.empty()) return no("the journal names no generation");
  for (const JournalEntry& entry : entries) {
    // Who leaves may have left since that was written.
    if (entry.role != Role::incumbent) continue;
    if (auto process = os::open_process_if(entry.pid, entry.identity);
        !process) {
      return process.error();
    }
  }
  const auto text =
      release::read_record(options.state_folder / release::kCommitted);
  const auto record = text ? release::read_current(*text) : std::nullopt;
  if (!record) return no("there is no committed release");
  const auto serving = std::find_if(
      entries.begin(), entries.end(), [&](const JournalEntry& entry) {
        return entry.role == Role::incumbent &&
               entry.generation == record->current.generation &&
               entry.pid == record->current.pid;
      });
  if (serving == entries.end()) {
    return no("the journal and the committed release disagree");
  }
  if (!serving->embedded &&
      !PassedListeners{std::move(passed)}.have(options.listeners)) {
    return no("it would not have the listeners that are configured");
  }
  return {};
}

Error pass_on(const Replacement& replacement, PassedOn passed) {
  std::vector<os::PassedHandle> handles;
  if (passed.links) {
    handles.push_back({kServiceVariable, passed.links->next.get()});
  }
  Error failed = os::become(replacement.executable, replacement.arguments,
                            std::move(passed.sockets),
                            replacement.takeover_deadline, handles);
  if (passed.links) ServiceLink::keep(std::move(passed.links->back));
  return failed;
}

Takeover::Takeover(boost::asio::io_context& io, const Replacement& replacement,
                   const std::vector<handover::ListenerSet::Entry>& listeners,
                   std::function<void(Result<void>)> done)
    : runner_(io), deadline_(io) {
  build::BuildCommand check;
  check.arguments = replacement.check_arguments;
  check.arguments.front() = text::utf8(replacement.executable);
  check.environment = os::own_environment();
  for (const auto& entry : listeners) {
    check.listeners.push_back({stored_name(entry.item), entry.socket});
  }
  deadline_.arm(replacement.check_deadline, [this] { runner_.cancel(); });
  boost::asio::post(io, [this, check = std::move(check),
                         done = std::move(done)] {
    runner_.start(
        check, [this](std::string_view line) { can_ |= line == kCanTakeOver; },
        [this, done](const build::Finished& finished) {
          deadline_.disarm();
          if (!finished.error && can_) return done({});
          if (!finished.error) {
            return done(Error{errc::not_permitted,
                              "cannot replace the supervisor: the other "
                              "program is no build of relaunch"});
          }
          // What it said itself, if it could.
          const auto said = text::printable(finished.tail);
          done(Error{errc::not_permitted,
                     text::cat("cannot replace the supervisor: the other "
                               "build refuses: ",
                               said.empty() ? finished.error->text() : said)});
        });
  });
}

}  // namespace relaunch::supervisor
