// What Supervisor does so that it may be killed at any moment: it keeps a
// journal of its generations, and takes in those that an earlier one left.
#include <algorithm>
#include <utility>

#include "common/supervisor/adopted_process.hpp"
#include "common/supervisor/supervisor.hpp"

namespace relaunch::supervisor {

using std::chrono::steady_clock;

namespace {

/// Between two attempts to open listeners that somebody else still has.
constexpr std::chrono::milliseconds kRegain{100};

}  // namespace

// journal --------------------------------------------------------------------

void Supervisor::note_generation(const observe::Event& event) {
  if (!event.name.starts_with("generation.")) return;
  if (event.name == observe::name::kGenerationStarted) {
    // Later its number may be another's.
    const auto identity = os::process_identity(event.pid);
    starting_ = {event.generation,
                 event.pid,
                 identity ? *identity : 0,
                 Role::successor,
                 event.release,
                 embedded(),
                 {}};
  }
  write_journal();
}

void Supervisor::write_journal() {
  std::vector<JournalEntry> entries;
  const auto add = [&](JournalEntry entry) {
    if (output_.places) entry.output = output_.places(entry.pid);
    entries.push_back(std::move(entry));
  };
  const auto add_process = [&](const os::Process& process, JournalEntry entry) {
    entry.pid = process.id();
    const auto identity = os::process_identity(entry.pid);
    // While it runs nobody else has its number.
    if (!identity || process.gone()) return;
    entry.identity = *identity;
    add(std::move(entry));
  };
  if (incumbent_) {
    add_process(*incumbent_->process(), {context_.generation,
                                         0,
                                         0,
                                         Role::incumbent,
                                         context_.release,
                                         embedded(),
                                         {}});
  }
  const auto leaving = departures_.leaving();
  for (const auto* leaver : leaving) {
    add_process(*leaver->process,
                {leaver->generation, 0, 0, Role::draining, {}, embedded(), {}});
  }
  const auto known = [&](const JournalEntry& entry) {
    return entry.pid == starting_.pid;
  };
  // One that has ended has its identity as long as anybody holds its handle.
  if (std::none_of(entries.begin(), entries.end(), known) &&
      os::open_process_if(starting_.pid, starting_.identity)) {
    add(starting_);
  }
  if (auto written = journal_.write(entries); !written) {
    context_.log(LogLevel::warning, written.error().text());
  }
}

// recovery -------------------------------------------------------------------

void Supervisor::rejoin(std::unique_ptr<os::Channel> channel, os::Peer peer,
                        os::Received first) {
  recovery_.rejoin(std::move(channel), peer.pid, std::move(first));
}

void Supervisor::recover() {
  const auto current = context_.store->current();
  recovery_.begin(
      journal_.read(), context_.generation, current ? current->pid : 0,
      [this](std::list<Recovery::Found> found) {
        care_ = std::make_shared<ListenerCare>(context_, listeners_);
        for (auto& each : found) take_in(each);
        if (auto opened = open_listeners(); !opened) {
          lacks_listeners(opened.error().text());
        }
        // Whoever waits has them all, and its generations come back to it.
        if (predecessor_.waits() && without_listeners_) {
          return context_.io.stop();
        }
        note_listeners();
        recovered_ = true;
        predecessor_.release();
        write_journal();
        if (!incumbent_) start();
      });
}

void Supervisor::note_listeners() {
  for (const auto& entry : listeners_.entries()) care_->note(entry);
}

void Supervisor::lacks_listeners(std::string why) {
  if (without_listeners_) return;
  context_.log(LogLevel::error, why);
  without_listeners_ = std::move(why);
}

// Whoever had them has ended, or is about to.
bool Supervisor::regain_listeners() {
  if (!without_listeners_) return true;
  if (auto opened = open_listeners(); !opened) {
    restart_timer_.arm(kRegain, [this] { start(); });
    return false;
  }
  without_listeners_.reset();
  note_listeners();
  return true;
}

Result<void> Supervisor::can_let_go() const {
  const auto no = [](errc why, std::string_view reason) {
    return Error{why, text::cat("cannot replace the supervisor: ", reason)};
  };
  if (stopping_) return no(errc::stopped, "it has been asked to stop");
  if (recovery_.under_way() || !driver_->idle()) {
    return no(errc::busy, "an upgrade is under way");
  }
  if (without_listeners_) return no(errc::not_permitted, *without_listeners_);
  if (!incumbent_) return no(errc::not_permitted, "nobody serves");
  return {};
}

std::vector<os::PassedSocket> Supervisor::pass_on() {
  std::vector<os::PassedSocket> passed;
  for (auto& listener : listeners_.release()) {
    passed.push_back({stored_name(listener.item), std::move(listener.socket)});
  }
  return passed;
}

void Supervisor::let_go() {
  write_journal();
  context_.log(LogLevel::info,
               "letting go: another supervisor takes this one's place");
  context_.io.stop();
}

std::unique_ptr<upgrade::Generation> Supervisor::adopted_process(
    const Recovery::Found& found) {
  return std::make_unique<AdoptedProcess>(context_, found.process,
                                          found.survivor.entry.embedded,
                                          options_.foreign, care_);
}

void Supervisor::take_in(Recovery::Found& found) {
  const JournalEntry& entry = found.survivor.entry;
  if (output_.take_back) {
    auto read =
        output_.take_back(*found.process, entry.generation, entry.output);
    if (!read) context_.log(LogLevel::warning, read.error().text());
  }
  switch (found.fate) {
    case Fate::adopt:
    case Fate::resume:
    case Fate::promote:
      return adopt(found);
    case Fate::keep:
      if (!passed_.have(options_.listeners)) {
        lacks_listeners("adopted without listeners: stop and start it");
      }
      return adopt(found);
    case Fate::give_back:
    case Fate::end:
      if (auto killed = found.process->kill();
          !killed && found.fate == Fate::end) {
        context_.log(LogLevel::error, killed.error().text());
      }
      [[fallthrough]];
    case Fate::drain:
      if (found.link) {
        return watch_leave(std::move(found.link), entry.generation);
      }
      return watch_leave(adopted_process(found), entry.generation);
  }
}

void Supervisor::adopt(Recovery::Found& found) {
  const JournalEntry& entry = found.survivor.entry;
  std::unique_ptr<upgrade::Generation> generation = std::move(found.link);
  if (!generation) {
    generation = adopted_process(found);
  }
  context_.generation = entry.generation;
  context_.release = entry.release;
  observe::Event adopted;
  adopted.generation = entry.generation;
  adopted.pid = entry.pid;
  adopted.release = entry.release;
  serve(std::move(generation));
  if (found.fate == Fate::promote) {
    auto recorded = context_.store->set_current(
        {entry.release, entry.generation, entry.pid});
    if (!recorded) context_.log(LogLevel::error, recorded.error().text());
  }
  if (!found.survivor.committed && entry.embedded) {
    incumbent_->commit(options_.deadlines.drain, options_.deadlines.grace);
  }
  if (found.fate == Fate::resume) incumbent_->resume();
  tell(std::move(adopted), observe::name::kGenerationAdopted);
}

}  // namespace relaunch::supervisor
