#include "common/observe/history.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "common/base/outcome_name.hpp"
#include "common/base/text.hpp"
#include "common/observe/event.hpp"
#include "common/observe/json_reader.hpp"
#include "common/os/files.hpp"

namespace relaunch::observe {
namespace {

namespace json = boost::json;
using Milliseconds = std::chrono::milliseconds;

/// Of a reason, which may quote what a program said.
constexpr std::size_t kReasonLimit = 1'024;
constexpr std::size_t kFileLimit = std::size_t{4} << 20;

Milliseconds milliseconds(std::chrono::microseconds time) {
  return std::chrono::duration_cast<Milliseconds>(time);
}

json::array phases_to_json(const std::vector<PhaseDuration>& phases) {
  json::array out;
  for (const PhaseDuration& each : phases) {
    json::object phase;
    phase["phase"] = text::printable(each.phase);
    phase["duration_ms"] = each.duration.count();
    out.push_back(std::move(phase));
  }
  return out;
}

bool phases_from_json(const json::object& object,
                      std::vector<PhaseDuration>& out) {
  const json::value* value = object.if_contains("phases");
  if (value == nullptr) return true;
  const json::array* list = value->if_array();
  if (list == nullptr) return false;
  for (const json::value& each : *list) {
    const json::object* phase = each.if_object();
    if (phase == nullptr) return false;
    JsonReader in{*phase};
    PhaseDuration read;
    in.get("phase", read.phase);
    in.get("duration_ms", read.duration);
    if (!in.fine()) return false;
    out.push_back(std::move(read));
  }
  return true;
}

std::optional<HistoryEntry> entry_in(std::string_view line) {
  json::parse_options options;
  options.max_depth = 8;
  boost::system::error_code failure;
  const json::value value =
      json::parse({line.data(), line.size()}, failure, {}, options);
  if (failure || !value.is_object()) return {};
  return history_entry_from_json(value.get_object());
}

}  // namespace

HistoryEntry history_entry(std::uint64_t upgrade, const Outcome& outcome,
                           Milliseconds took) {
  HistoryEntry entry;
  entry.time = std::chrono::system_clock::now();
  entry.upgrade = upgrade;
  entry.outcome = outcome_name(outcome.result);
  entry.phase = to_string(outcome.phase);
  entry.generation = outcome.serving_generation;
  entry.pid = outcome.serving_pid;
  entry.release = outcome.release;
  entry.reason = outcome.reason.substr(0, kReasonLimit);
  entry.duration = took;
  for (std::size_t i = 0; i < outcome.phases.size(); ++i) {
    if (outcome.phases[i].phase == Phase::done) break;
    const Milliseconds begin = milliseconds(outcome.phases[i].at);
    const Milliseconds end = i + 1 < outcome.phases.size()
                                 ? milliseconds(outcome.phases[i + 1].at)
                                 : took;
    entry.phases.push_back({std::string{to_string(outcome.phases[i].phase)},
                            std::max(end - begin, Milliseconds{0})});
  }
  return entry;
}

json::object to_json(const HistoryEntry& entry) {
  json::object out;
  out["time"] = to_timestamp(entry.time);
  out["upgrade"] = entry.upgrade;
  out["outcome"] = text::printable(entry.outcome);
  out["phase"] = text::printable(entry.phase);
  out["generation"] = entry.generation;
  out["pid"] = entry.pid;
  out["release"] = text::printable(entry.release);
  out["duration_ms"] = entry.duration.count();
  if (!entry.reason.empty()) out["reason"] = text::printable(entry.reason);
  out["phases"] = phases_to_json(entry.phases);
  return out;
}

std::optional<HistoryEntry> history_entry_from_json(
    const json::object& object) {
  JsonReader in{object};
  HistoryEntry entry;
  std::string time;
  in.get("time", time);
  const bool numbered = in.get("upgrade", entry.upgrade);
  in.get("outcome", entry.outcome);
  in.get("phase", entry.phase);
  in.get("generation", entry.generation);
  in.get("pid", entry.pid);
  in.get("release", entry.release);
  in.get("duration_ms", entry.duration);
  in.get("reason", entry.reason);
  const auto when = from_timestamp(time);
  if (!in.fine() || !numbered || !when || entry.outcome.empty() ||
      !phases_from_json(object, entry.phases)) {
    return {};
  }
  entry.time = *when;
  return entry;
}

Result<History> History::open(std::filesystem::path file) {
  History history;
  history.file_ = std::move(file);
  if (auto read = history.read(); !read) return read.error();
  return history;
}

Result<void> History::read() {
  const auto bytes = os::read_file(file_, kFileLimit);
  if (!bytes && bytes.error().code() != std::errc::no_such_file_or_directory) {
    return bytes.error();
  }
  entries_.clear();
  std::string_view rest = bytes ? std::string_view{*bytes} : "";
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == rest.npos) break;  // torn
    if (auto entry = entry_in(rest.substr(0, end))) {
      entries_.push_back(std::move(*entry));
    }
    rest.remove_prefix(end + 1);
  }
  entries_.insert(entries_.end(), unsaved_.begin(), unsaved_.end());
  while (entries_.size() > kKept) entries_.pop_front();
  return {};
}

void History::refresh() {
  // One that cannot be read leaves what is known.
  if (!file_.empty()) (void)read();
}

Result<void> History::add(HistoryEntry entry) {
  refresh();
  entries_.push_back(entry);
  if (entries_.size() > kKept) entries_.pop_front();
  if (file_.empty()) return {};
  std::string all;
  for (const HistoryEntry& each : entries_) {
    all += json::serialize(observe::to_json(each));
    all += '\n';
  }
  auto written = os::write_durably(file_, all);
  if (written) {
    unsaved_.clear();
  } else if (unsaved_.size() < kKept) {
    unsaved_.push_back(std::move(entry));
  }
  return written;
}

std::uint64_t History::last_upgrade() const {
  std::uint64_t last = 0;
  for (const HistoryEntry& each : entries_) last = std::max(last, each.upgrade);
  return last;
}

json::array History::to_json() const {
  json::array out;
  for (const HistoryEntry& each : entries_) {
    out.push_back(observe::to_json(each));
  }
  return out;
}

}  // namespace relaunch::observe
