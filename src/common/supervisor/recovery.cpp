#include "common/supervisor/recovery.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "common/os/fault.hpp"

namespace relaunch::supervisor {

namespace event = upgrade::event;

Recovery::Recovery(upgrade::Context& context,
                   const handover::ListenerSet& listeners,
                   const upgrade::Departures& departures)
    : context_(context),
      listeners_(listeners),
      departures_(departures),
      timer_(context.io) {}

bool Recovery::nobody_left(const std::vector<JournalEntry>& journal) {
  return std::none_of(
      journal.begin(), journal.end(), [](const JournalEntry& entry) {
        return os::open_process_if(entry.pid, entry.identity).has_value();
      });
}

void Recovery::begin(const std::vector<JournalEntry>& journal,
                     std::uint32_t committed, os::ProcessId pid, Done done) {
  committed_ = committed;
  pid_ = pid;
  done_ = std::move(done);
  for (const JournalEntry& entry : journal) {
    auto process = os::open_process_if(entry.pid, entry.identity);
    if (!process) continue;
    Found& found = found_.emplace_back();
    found.survivor.entry = entry;
    found.process = std::make_shared<os::Process>(std::move(*process));
    auto watch = os::ProcessWatch::start(context_.io, *found.process,
                                         [this] { look(); });
    if (watch) {
      found.watch = std::make_unique<os::ProcessWatch>(std::move(*watch));
    }
    context_.log(LogLevel::warning, "generation ", entry.generation,
                 " of an earlier supervisor runs: pid=", entry.pid);
  }
  timer_.arm(kDeadline, [this] { decide(); });
  boost::asio::post(context_.io, [this] { look(); });
}

void Recovery::rejoin(std::unique_ptr<os::Channel> channel, os::ProcessId pid,
                      os::Received) {
  const auto known =
      std::find_if(found_.begin(), found_.end(), [pid](const Found& each) {
        return each.survivor.entry.pid == pid && !each.process->gone();
      });
  if (!done_ || returning_ || known == found_.end()) return;
  Found& found = *known;
  found.link = std::make_unique<handover::GenerationLink>(
      context_, listeners_, departures_,
      [this, &found](const upgrade::CoordinatorEvent& what) {
        on_event(found, what);
      });
  auto adopted = found.link->adopt(
      found.process, std::move(channel), [this, &found](const auto& rejoin) {
        found.survivor.rejoined = true;
        found.survivor.committed = rejoin.committed;
        found.survivor.has_turn = rejoin.has_turn;
        found.survivor.entry.release = rejoin.release;
        look();
      });
  if (!adopted) found.link.reset();
}

void Recovery::on_event(Found& found, const upgrade::CoordinatorEvent& what) {
  if (!done_) return;  // it is not here any more
  const bool ends = std::get_if<event::SuccessorGone>(&what) ||
                    std::get_if<event::TurnReturned>(&what);
  if (returning_ == &found && ends) return settle();
  if (std::get_if<event::SuccessorGone>(&what)) look();
}

// Has everybody come who can?
void Recovery::look() {
  if (!done_ || returning_) return;
  const bool waiting =
      std::any_of(found_.begin(), found_.end(), [](const Found& each) {
        return each.survivor.entry.embedded && !each.survivor.rejoined &&
               !each.process->gone();
      });
  if (!waiting) decide();
}

void Recovery::decide() {
  if (!done_ || returning_) return;
  os::fault("resolve");
  std::vector<Survivor> survivors;
  // The link of one that has gone may be what is calling.
  auto gone = std::make_shared<std::list<Found>>();
  for (auto each = found_.begin(); each != found_.end();) {
    const auto next = std::next(each);
    if (each->process->gone()) gone->splice(gone->end(), found_, each);
    each = next;
  }
  boost::asio::post(context_.io, [gone] {});
  for (const Found& each : found_) survivors.push_back(each.survivor);
  const auto fates = resolve(survivors, committed_, pid_);
  auto fate = fates.begin();
  for (Found& each : found_) {
    each.watch.reset();
    each.fate = *fate++;
    if (each.fate == Fate::give_back && each.survivor.has_turn) {
      returning_ = &each;
    }
  }
  if (!returning_) return settle();
  returning_->link->take_turn_back(context_.options.deadlines.drain);
  timer_.arm(context_.options.deadlines.turn, [this] {
    returning_->link->kill();
    timer_.arm(std::chrono::seconds{5}, [this] { settle(); });
  });
}

void Recovery::settle() {
  timer_.disarm();
  // A link may be what is calling.
  boost::asio::post(context_.io, [this] {
    if (const auto done = std::exchange(done_, {})) done(std::move(found_));
  });
}

}  // namespace relaunch::supervisor
