#include "status_route.hpp"

#include "text.hpp"

namespace hello {
namespace {

std::string phases_json(const std::vector<relaunch::PhaseTime>& phases) {
  std::string out = "[";
  for (const auto& [phase, at] : phases) {
    if (out.size() > 1) out += ", ";
    out += "{\"phase\": " + json_string(to_string(phase)) +
           ", \"at_us\": " + std::to_string(at.count()) + '}';
  }
  return out + ']';
}

}  // namespace

std::string status_json(const relaunch::Status& status,
                        std::uint64_t requests) {
  const auto item = [](const char* name, const std::string& value) {
    return "  " + json_string(name) + ": " + value;
  };
  std::string out = "{\n";
  out += item("generation", std::to_string(status.generation)) + ",\n";
  out += item("pid", std::to_string(status.pid)) + ",\n";
  out += item("release", json_string(status.release)) + ",\n";
  out += item("phase", json_string(to_string(status.phase))) + ",\n";
  out += item("uptime_ms", std::to_string(status.uptime.count())) + ",\n";
  out += item("requests", std::to_string(requests)) + ",\n";
  out += item("phases", phases_json(status.phases)) + ",\n";
  out += item("last_outcome", json_string(status.last_outcome)) + ",\n";
  out += item("last_departure", json_string(status.last_departure)) + '\n';
  return out + "}\n";
}

}  // namespace hello
