#include "common/observe/event.hpp"

#include <array>
#include <boost/json/object.hpp>
#include <cstdio>
#include <ctime>

#include "common/base/text.hpp"
#include "common/observe/json_reader.hpp"

namespace relaunch::observe {
namespace {

namespace json = boost::json;
using Milliseconds = std::chrono::milliseconds;

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warning",
                                                     "error"};

/// May it stand without quotes? Readers of logfmt end a value at a blank.
bool is_plain(std::string_view value) {
  for (const unsigned char c : value) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7F) {
      return false;
    }
  }
  return !value.empty();
}

std::string quoted(std::string_view raw) {
  const std::string value = text::printable(raw);
  if (is_plain(value)) return value;
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return out;
}

class Line {
 public:
  void add(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    if (!line_.empty()) line_ += ' ';
    line_ += key;
    line_ += '=';
    line_ += quoted(value);
  }
  void add(std::string_view key, std::uint64_t value) {
    if (value != 0) add(key, std::to_string(value));
  }
  std::string take() && { return std::move(line_); }

 private:
  std::string line_;
};

void add_members(Line& line, const Event& event) {
  line.add("upgrade", event.upgrade);
  line.add("generation", event.generation);
  line.add("pid", event.pid);
  line.add("phase", event.phase);
  line.add("outcome", event.outcome);
  line.add("release", event.release);
  if (event.duration) {
    line.add("duration_ms", std::to_string(event.duration->count()));
  }
}

void put(json::object& out, std::string_view key, std::uint64_t value) {
  if (value != 0) out[key] = value;
}

void put(json::object& out, std::string_view key, std::string_view value) {
  if (!value.empty()) out[key] = text::printable(value);
}

std::optional<LogLevel> level_named(std::string_view name) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == name) return static_cast<LogLevel>(i);
  }
  return {};
}

/// `width` digits at `at`; nothing if one is none.
std::optional<int> digits(std::string_view text, std::size_t at,
                          std::size_t width) {
  int value = 0;
  for (const char c : text.substr(at, width)) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
  const auto index = static_cast<std::size_t>(level);
  return index < kLevels.size() ? kLevels[index] : "info";
}

std::string to_timestamp(std::chrono::system_clock::time_point time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{
      std::chrono::floor<Milliseconds>(time - day)};
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text.data();
}

std::optional<std::chrono::system_clock::time_point> from_timestamp(
    std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z";
  if (text.size() != kForm.size()) return {};
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != '0' && kForm[i] != text[i]) return {};
  }
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2),
             day = digits(text, 8, 2), hour = digits(text, 11, 2),
             minute = digits(text, 14, 2), second = digits(text, 17, 2),
             milli = digits(text, 20, 3);
  if (!year || !month || !day || !hour || !minute || !second || !milli) {
    return {};
  }
  const std::chrono::year_month_day date{
      std::chrono::year{*year},
      std::chrono::month{static_cast<unsigned>(*month)},
      std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return {};
  return std::chrono::sys_days{date} + std::chrono::hours{*hour} +
         std::chrono::minutes{*minute} + std::chrono::seconds{*second} +
         Milliseconds{*milli};
}

std::string to_logfmt(const Event& event) {
  Line line;
  line.add("time", to_timestamp(event.time));
  line.add("level", to_string(event.level));
  line.add("event", event.name);
  line.add("sequence", event.sequence);
  add_members(line, event);
  line.add("message", event.message);
  return std::move(line).take();
}

std::string to_text(const Event& event) {
  Line line;
  add_members(line, event);
  const std::string members = std::move(line).take();
  std::string out = text::printable(event.name);
  if (!members.empty()) text::append(out, ": " + members);
  if (!event.message.empty()) {
    text::append(out, ": " + text::printable(event.message));
  }
  return out;
}

json::object to_json(const Event& event) {
  json::object out;
  out["sequence"] = event.sequence;
  out["time"] = to_timestamp(event.time);
  out["level"] = to_string(event.level);
  out["event"] = text::printable(event.name);
  put(out, "upgrade", event.upgrade);
  put(out, "generation", event.generation);
  put(out, "pid", event.pid);
  put(out, "phase", event.phase);
  put(out, "outcome", event.outcome);
  put(out, "release", event.release);
  if (event.duration) out["duration_ms"] = event.duration->count();
  put(out, "message", event.message);
  return out;
}

std::optional<Event> event_from_json(const json::object& object) {
  JsonReader in{object};
  Event event;
  std::string time;
  std::string level = "info";
  in.get("time", time);
  in.get("level", level);
  in.get("event", event.name);
  in.get("phase", event.phase);
  in.get("outcome", event.outcome);
  in.get("release", event.release);
  in.get("message", event.message);
  in.get("upgrade", event.upgrade);
  in.get("generation", event.generation);
  in.get("pid", event.pid);
  Milliseconds duration{0};
  if (in.get("duration_ms", duration)) event.duration = duration;
  const bool numbered = in.get("sequence", event.sequence);
  const auto when = from_timestamp(time);
  const auto weight = level_named(level);
  if (!in.fine() || !numbered || !when || !weight || event.name.empty()) {
    return {};
  }
  event.time = *when;
  event.level = *weight;
  return event;
}

}  // namespace relaunch::observe
