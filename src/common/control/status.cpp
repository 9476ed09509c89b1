#include "common/control/status.hpp"

#include <boost/json/array.hpp>
#include <string_view>

#include "common/base/text.hpp"
#include "common/control/message.hpp"
#include "common/os/listener.hpp"

namespace relaunch::control {

namespace json = boost::json;

namespace {

json::string_view view(std::string_view text) {
  return {text.data(), text.size()};
}

/// Their names, and where they really listen.
json::array to_json(const handover::ListenerSet& listeners) {
  json::array out;
  for (const auto& entry : listeners.entries()) {
    const auto actual = os::local_address(entry.socket);
    out.push_back({{"name", entry.item.name},
                   {"address", actual ? actual->text() : entry.item.address}});
  }
  return out;
}

/// Those that have not left yet.
json::array to_json(const upgrade::Departures& departures) {
  json::array out;
  for (const auto* leaver : departures.leaving()) {
    out.push_back(
        {{"generation", leaver->generation}, {"pid", leaver->process->id()}});
  }
  return out;
}

}  // namespace

json::object to_json(const Status& status, const StatusFacts& facts) {
  json::object out{{"schema", kSchema}, {"name", facts.name}};
  out["mode"] = facts.mode;
  out["generation"] = status.generation;
  out["pid"] = status.pid;
  out["serving"] = status.pid != 0;
  out["release"] = text::valid_utf8(status.release);
  out["phase"] = view(to_string(status.phase));
  if (status.successor_pid != 0) {
    out["successor"] = {{"generation", status.successor_generation},
                        {"pid", status.successor_pid}};
  }
  out["uptime_ms"] = facts.uptime.count();
  out["listeners"] = to_json(facts.listeners);
  out["draining"] = to_json(facts.departures);
  out["phases"] = to_json(status.phases);
  out["last_outcome"] = text::valid_utf8(status.last_outcome);
  out["last_departure"] = text::valid_utf8(status.last_departure);
  return out;
}

}  // namespace relaunch::control
