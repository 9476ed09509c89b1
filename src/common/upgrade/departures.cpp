#include "common/upgrade/departures.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace relaunch::upgrade {

void Departures::watch(Leaver leaver) {
  const Iterator entry = entries_.emplace(entries_.end(), context_);
  entry->leaver = std::move(leaver);
  entry->since = std::chrono::steady_clock::now();
  auto watch = os::ProcessWatch::start(
      context_.io, *entry->leaver.process,
      [this, entry] { on(entry, Departure::Event::gone); });
  if (watch) {
    entry->watch = std::make_unique<os::ProcessWatch>(std::move(*watch));
  } else {
    // Without a watch the deadlines still hold; only its end is seen late.
    context_.log(LogLevel::warning, "cannot watch generation ",
                 entry->leaver.generation, ": reason=\"", watch.error().text(),
                 '"');
  }
  observe::Event draining;
  draining.name = observe::name::kGenerationDraining;
  draining.generation = entry->leaver.generation;
  draining.pid = entry->leaver.process->id();
  context_.events.add(std::move(draining));
  entry->timer.arm(std::chrono::ceil<std::chrono::milliseconds>(
                       entry->leaver.deadline - entry->since),
                   [this, entry] { on(entry, Departure::Event::expired); });
}

std::vector<const Departures::Leaver*> Departures::leaving() const {
  std::vector<const Leaver*> leaving;
  for (const Entry& entry : entries_) {
    if (!entry.leaver.process->gone()) leaving.push_back(&entry.leaver);
  }
  return leaving;
}

void Departures::hurry() {
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->machine.step() != Departure::Step::draining) continue;
    entry->timer.arm(std::chrono::milliseconds{0},
                     [this, entry] { on(entry, Departure::Event::expired); });
  }
}

unsigned Departures::releases_to_keep() const {
  return std::max(context_.options.keep_releases,
                  static_cast<unsigned>(count()));
}

void Departures::on(Iterator entry, Departure::Event event) {
  if (event == Departure::Event::expired && entry->leaver.process->gone()) {
    event = Departure::Event::gone;
  }
  for (const Departure::Action action : entry->machine.on(event)) {
    switch (action) {
      case Departure::Action::ask:
        ask(*entry);
        break;
      case Departure::Action::kill:
        if (auto killed = entry->leaver.process->kill(); !killed) {
          context_.log(LogLevel::error, killed.error().text());
        }
        break;
      case Departure::Action::arm_grace:
        entry->timer.arm(entry->leaver.grace, [this, entry] {
          on(entry, Departure::Event::expired);
        });
        break;
      case Departure::Action::report:
        return report(entry);
    }
  }
}

void Departures::ask(Entry& entry) {
  context_.log(LogLevel::warning, "generation ", entry.leaver.generation,
               " is still here at its drain deadline, asking: pid=",
               entry.leaver.process->id());
  if (entry.leaver.ask) entry.leaver.ask();
  if (auto asked = entry.leaver.process->ask_to_stop(); !asked) {
    context_.log(LogLevel::debug, asked.error().text());
  }
}

void Departures::report(Iterator entry) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - entry->since);
  const bool by_itself = entry->machine.text() == std::string_view{"left"};
  std::string text =
      text::cat("generation ", entry->leaver.generation, " (pid ",
                entry->leaver.process->id(), ") ", entry->machine.text(),
                " after ", took.count(), " ms");
  context_.log_transition(by_itself ? LogLevel::info : LogLevel::warning, text);
  observe::Event exited;
  exited.name = observe::name::kGenerationExited;
  exited.level = by_itself ? LogLevel::info : LogLevel::warning;
  exited.generation = entry->leaver.generation;
  exited.pid = entry->leaver.process->id();
  exited.outcome = entry->machine.exit_reason();
  exited.duration = took;
  context_.events.add(std::move(exited));
  context_.board.change(
      [&](Status& status) { status.last_departure = std::move(text); });
  if (entry->machine.step() == Departure::Step::gone) {
    entry->leaver.process->exit_status();  // reaped, if it was our child
  }
  auto on_gone = std::move(entry->leaver.on_gone);
  // The watch and the channel may be what is calling right now.
  auto old = std::make_shared<std::list<Entry>>();
  old->splice(old->end(), entries_, entry);
  old->front().timer.disarm();
  boost::asio::post(context_.io, [old] {});
  if (on_gone) on_gone();
  if (on_any_gone_) on_any_gone_();
}

}  // namespace relaunch::upgrade
