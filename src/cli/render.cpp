#include "cli/render.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "common/base/text.hpp"
#include "common/control/message.hpp"
#include "common/observe/event.hpp"
#include "common/observe/history.hpp"

namespace relaunch::cli {
namespace {

namespace json = boost::json;
using text::cat;

std::string who_serves(const Outcome& outcome) {
  if (outcome.serving_pid == 0) return "nobody";
  return cat("generation=", outcome.serving_generation,
             " pid=", outcome.serving_pid);
}

/// A member's name for people: "last_outcome" is "last outcome".
std::string label(std::string_view key) {
  std::string out = text::printable(key);
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

std::string scalar(const json::value& value) {
  if (const auto* string = value.if_string()) {
    return text::printable({string->data(), string->size()});
  }
  if (value.is_null()) return {};
  return json::serialize(value);
}

bool is_nested(const json::value& value) {
  return value.is_object() || value.is_array();
}

std::string one_line(const json::object& object) {
  std::string out;
  for (const auto& [key, value] : object) {
    if (!out.empty()) out += "  ";
    out += cat(text::printable({key.data(), key.size()}), '=', scalar(value));
  }
  return out;
}

void add_members(std::string& out, const json::object& object,
                 std::size_t indent);

void add_list(std::string& out, const json::array& list, std::size_t indent) {
  for (const json::value& each : list) {
    const auto* object = each.if_object();
    out += cat(std::string(indent, ' '),
               object ? one_line(*object) : scalar(each), '\n');
  }
}

void add_member(std::string& out, std::string_view key,
                const json::value& value, std::size_t indent,
                std::size_t width) {
  std::string head = std::string(indent, ' ') + label(key);
  if (!is_nested(value)) {
    head.resize(std::max(head.size(), indent + width), ' ');
    out += cat(head, "  ", scalar(value), '\n');
    return;
  }
  out += head + '\n';
  if (const auto* object = value.if_object()) {
    add_members(out, *object, indent + 2);
  } else {
    add_list(out, value.get_array(), indent + 2);
  }
}

/// Is there anything to tell?
bool says_something(const json::value& value) {
  if (value.is_null()) return false;
  if (const auto* string = value.if_string()) return !string->empty();
  if (const auto* list = value.if_array()) return !list->empty();
  if (const auto* object = value.if_object()) return !object->empty();
  return true;
}

void add_members(std::string& out, const json::object& object,
                 std::size_t indent) {
  std::size_t width = 0;
  for (const auto& [key, value] : object) {
    if (!is_nested(value)) width = std::max(width, key.size());
  }
  for (const auto& [key, value] : object) {
    if (key == "schema" || !says_something(value)) continue;
    add_member(out, {key.data(), key.size()}, value, indent, width);
  }
}

}  // namespace

std::string outcome_line(const Outcome& outcome) {
  using Result = Outcome::Result;
  std::string line{to_string(outcome.result)};
  if (outcome.ok()) {
    line += ": " + who_serves(outcome);
    if (!outcome.release.empty()) {
      line += " release=" + text::printable(outcome.release);
    }
  } else {
    if (outcome.result != Result::refused) {
      line += cat(" in ", to_string(outcome.phase));
    }
    line += cat(": ", text::printable(outcome.reason), "; ",
                who_serves(outcome), " serves");
  }
  return cat(line, " took_ms=", control::duration_of(outcome).count(), '\n');
}

std::string outcome_json(const Outcome& outcome) {
  return json_line(control::to_json(outcome));
}

std::string status_text(const json::object& status) {
  std::string out;
  add_members(out, status, 0);
  return out;
}

std::string history_text(const json::array& history) {
  std::string out;
  for (const json::value& each : history) {
    const auto* object = each.if_object();
    if (object == nullptr) continue;
    const auto entry = observe::history_entry_from_json(*object);
    if (!entry) continue;
    out += cat(observe::to_timestamp(entry->time), "  ",
               text::printable(entry->outcome));
    const bool ended_well =
        entry->outcome == "done" || entry->outcome == "nothing_to_do";
    if (!ended_well) out += " in " + text::printable(entry->phase);
    out += cat("  generation=", entry->generation, " pid=", entry->pid);
    if (!entry->release.empty()) {
      out += " release=" + text::printable(entry->release);
    }
    out += cat(" took_ms=", entry->duration.count());
    if (!entry->reason.empty()) out += "  " + text::printable(entry->reason);
    out += '\n';
  }
  return out;
}

std::string event_text(const json::object& object) {
  const auto event = observe::event_from_json(object);
  if (!event) return one_line(object) + '\n';
  return cat(observe::to_timestamp(event->time), ' ',
             observe::to_string(event->level), ' ', observe::to_text(*event),
             '\n');
}

std::string json_line(const json::value& value) {
  return json::serialize(value) + '\n';
}

}  // namespace relaunch::cli
