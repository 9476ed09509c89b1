#include "common/observe/metrics.hpp"

#include <cstdio>
#include <initializer_list>

#include "common/base/text.hpp"

namespace relaunch::observe {
namespace {

using text::cat;

/// What an upgrade can come to where, so that each counter exists from the
/// start:
/// https://prometheus.io/docs/practices/instrumentation/#avoid-missing-metrics
constexpr std::pair<std::string_view, std::string_view> kEnds[] = {
    {"done", "commit"},           {"nothing_to_do", "stage"},
    {"failed", "build"},          {"failed", "stage"},
    {"failed", "launch"},         {"failed", "prepare"},
    {"failed", "switch"},         {"rolled_back", "switch"},
    {"rolled_back", "probation"}, {"rolled_back", "commit"},
    {"refused", "idle"},
};
constexpr std::string_view kPhases[] = {
    "build", "stage", "launch", "prepare", "switch", "probation", "commit"};
constexpr std::string_view kReasons[] = {
    exit_reason::kDrained, exit_reason::kKilled, exit_reason::kStuck,
    exit_reason::kFailed, exit_reason::kCrashed};

/// At most so many values of one label, whatever events bring.
constexpr std::size_t kMostValues = 32;

std::string seconds(std::uint64_t milliseconds) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%llu.%03llu",
                static_cast<unsigned long long>(milliseconds / 1'000),
                static_cast<unsigned long long>(milliseconds % 1'000));
  return text.data();
}

std::string seconds(std::chrono::system_clock::time_point time) {
  const auto since = time.time_since_epoch();
  return seconds(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since).count()));
}

std::string bound_text(double bound) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", bound);
  return text.data();
}

/// A label's value: backslash, quote and line end are what the format escapes.
std::string label(std::string_view raw) {
  std::string out = "\"";
  for (const char c : text::printable(raw)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return out;
}

template <typename Map>
bool has_room(const Map& map, const typename Map::key_type& key) {
  return map.contains(key) || map.size() < kMostValues;
}

}  // namespace

class Metrics::Writer {
 public:
  using Labels =
      std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Writer(std::string_view name) : name_(label(name)) {}

  void family(std::string_view metric, std::string_view type,
              std::string_view help) {
    metric_ = metric;
    out_ +=
        cat("# HELP ", metric, ' ', help, "\n# TYPE ", metric, ' ', type, '\n');
  }

  template <typename Value>
  void sample(const Value& value, Labels labels = {},
              std::string_view suffix = {}) {
    out_ += cat(metric_, suffix, "{name=", name_);
    for (const auto& [key, content] : labels) {
      out_ += cat(',', key, '=', label(content));
    }
    out_ += cat("} ", value, '\n');
  }

  std::string take() && { return std::move(out_); }

 private:
  std::string name_;
  std::string metric_;
  std::string out_;
};

Metrics::Metrics() {
  for (const auto& [outcome, phase] : kEnds) {
    upgrades_[{std::string{outcome}, std::string{phase}}] = 0;
  }
  for (const auto phase : kPhases) phases_[std::string{phase}];
  for (const auto reason : kReasons) exits_[std::string{reason}] = 0;
}

void Metrics::Histogram::add(std::chrono::milliseconds value) {
  const auto size = static_cast<double>(value.count()) / 1'000;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    if (size <= kBounds[i]) ++within[i];
  }
  ++count;
  milliseconds += static_cast<std::uint64_t>(value.count());
}

void Metrics::add_phase(std::string_view phase,
                        std::chrono::milliseconds duration) {
  const std::string key{phase};
  if (key.empty() || duration.count() < 0 || !has_room(phases_, key)) return;
  phases_[key].add(duration);
}

void Metrics::add(const Event& event) {
  if (event.name == name::kUpgradeStarted) {
    phase_.clear();
    elapsed_ = {};
  } else if (event.name == name::kUpgradePhase) {
    // The event that enters a phase says how long the one before took.
    if (event.duration) {
      add_phase(phase_, *event.duration);
      elapsed_ += *event.duration;
    }
    phase_ = event.phase;
  } else if (event.name == name::kUpgradeEnded) {
    const std::pair key{event.outcome, event.phase};
    if (has_room(upgrades_, key)) ++upgrades_[key];
    if (!event.duration) return;  // declined, and nothing was begun
    last_upgrade_ = event.time;
    add_phase(phase_, *event.duration - elapsed_);
    phase_.clear();
    if (event.outcome == "done") crash_loop_ = false;
  } else if (event.name == name::kGenerationStarted) {
    ++started_;
  } else if (event.name == name::kGenerationCommitted) {
    crash_loop_ = false;
  } else if (event.name == name::kGenerationExited) {
    if (has_room(exits_, event.outcome)) ++exits_[event.outcome];
  } else if (event.name == name::kRestartScheduled) {
    ++restarts_;
  } else if (event.name == name::kCrashLoop) {
    ++crash_loops_;
    crash_loop_ = true;
  } else if (event.name == name::kListenerReset) {
    ++resets_;
  }
}

void Metrics::write_upgrades(Writer& out) const {
  out.family("relaunch_upgrades_total", "counter",
             "Upgrades that have ended, by outcome and the phase of the end.");
  for (const auto& [key, count] : upgrades_) {
    out.sample(count, {{"outcome", key.first}, {"phase", key.second}});
  }
  out.family("relaunch_upgrade_phase_duration_seconds", "histogram",
             "How long each finished phase of an upgrade took.");
  for (const auto& [phase, histogram] : phases_) {
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      out.sample(histogram.within[i],
                 {{"phase", phase}, {"le", bound_text(kBounds[i])}}, "_bucket");
    }
    out.sample(histogram.count, {{"phase", phase}, {"le", "+Inf"}}, "_bucket");
    out.sample(seconds(histogram.milliseconds), {{"phase", phase}}, "_sum");
    out.sample(histogram.count, {{"phase", phase}}, "_count");
  }
  if (last_upgrade_.time_since_epoch().count() == 0) return;
  out.family("relaunch_last_upgrade_timestamp_seconds", "gauge",
             "When the last upgrade ended.");
  out.sample(seconds(last_upgrade_));
}

void Metrics::write_generations(Writer& out) const {
  out.family("relaunch_generations_started_total", "counter",
             "Generations that were started.");
  out.sample(started_);
  out.family("relaunch_generations_exited_total", "counter",
             "Generations that have left, by reason.");
  for (const auto& [reason, count] : exits_) {
    out.sample(count, {{"reason", reason}});
  }
  out.family("relaunch_restarts_total", "counter",
             "Restarts after a crash outside an upgrade.");
  out.sample(restarts_);
  out.family("relaunch_crash_loops_total", "counter",
             "How often the program was found to crash again and again.");
  out.sample(crash_loops_);
  out.family("relaunch_crash_loop", "gauge",
             "1 while restarts are held because of a crash loop.");
  out.sample(crash_loop_ ? 1 : 0);
  out.family("relaunch_listener_resets_total", "counter",
             "Listeners that a program had shut down, with what was queued.");
  out.sample(resets_);
}

std::string Metrics::text(const Snapshot& snapshot) const {
  Writer out{snapshot.name};
  out.family("relaunch_build_info", "gauge", "The version of relaunch.");
  out.sample(1, {{"version", snapshot.version}});
  out.family("relaunch_start_time_seconds", "gauge",
             "When this process was started, in seconds since 1970.");
  out.sample(seconds(snapshot.start));
  out.family("relaunch_generation", "gauge",
             "The number of the generation that serves; 0 if none does.");
  out.sample(snapshot.generation);
  out.family("relaunch_release_info", "gauge",
             "The release that the generation which serves runs.");
  out.sample(1, {{"release", snapshot.release}});
  out.family("relaunch_generations_draining", "gauge",
             "Generations that finish what they accepted.");
  out.sample(snapshot.draining);
  out.family("relaunch_listeners", "gauge", "Listeners that are held.");
  out.sample(snapshot.listeners);
  out.family("relaunch_upgrade_in_progress", "gauge",
             "1 while an upgrade is under way.");
  out.sample(snapshot.upgrading ? 1 : 0);
  write_upgrades(out);
  write_generations(out);
  return std::move(out).take();
}

}  // namespace relaunch::observe
