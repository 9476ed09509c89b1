#include "common/release/records.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <limits>

namespace relaunch::release {
namespace {

namespace json = boost::json;

std::string finish(const json::object& object) {
  return json::serialize(object) + "\n";
}

std::optional<json::object> parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = 8;
  // A POSIX path is bytes; one that is no UTF-8 must come back as it was.
  options.allow_invalid_utf8 = true;
  boost::system::error_code failure;
  json::value value =
      json::parse({text.data(), text.size()}, failure, {}, options);
  if (failure || !value.is_object()) return {};
  return std::move(value.get_object());
}

std::optional<std::string> string_in(const json::value* value) {
  if (value == nullptr || !value->is_string()) return {};
  const json::string& string = value->get_string();
  return std::string{string.data(), string.size()};
}

std::optional<std::uint32_t> number_in(const json::value* value) {
  if (value == nullptr || !value->is_int64()) return {};
  const std::int64_t number = value->get_int64();
  if (number < 0 || number > std::numeric_limits<std::uint32_t>::max()) {
    return {};
  }
  return static_cast<std::uint32_t>(number);
}

const json::array* array_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains({key.data(), key.size()});
  return value == nullptr ? nullptr : value->if_array();
}

}  // namespace

std::string write_release(const ReleaseRecord& record) {
  json::object out;
  out["executable"] = record.executable;
  out["artifact"] = record.artifact;
  return finish(out);
}

std::optional<ReleaseRecord> read_release(std::string_view json) {
  const auto object = parse(json);
  if (!object) return {};
  const auto executable = string_in(object->if_contains("executable"));
  const auto artifact = string_in(object->if_contains("artifact"));
  if (!executable || !artifact) return {};
  return ReleaseRecord{*executable, *artifact};
}

std::string write_current(const CurrentRecord& record) {
  json::object out;
  out["release"] = record.current.release;
  out["generation"] = record.current.generation;
  out["pid"] = record.current.pid;
  json::array history;
  for (const auto& each : record.history) history.emplace_back(each);
  out["history"] = std::move(history);
  return finish(out);
}

std::optional<CurrentRecord> read_current(std::string_view json) {
  const auto object = parse(json);
  if (!object) return {};
  const auto release = string_in(object->if_contains("release"));
  const auto generation = number_in(object->if_contains("generation"));
  const auto pid = number_in(object->if_contains("pid"));
  if (!release || !generation || !pid) return {};
  CurrentRecord record{{*release, *generation, *pid}, {}};
  if (const json::array* history = array_in(*object, "history")) {
    for (const json::value& each : *history) {
      if (auto id = string_in(&each)) record.history.push_back(*id);
    }
  }
  return record;
}

std::string write_held(const std::vector<HeldRecord>& records) {
  json::array list;
  for (const HeldRecord& record : records) {
    json::object each;
    each["release"] = record.release;
    each["reason"] = record.reason;
    list.push_back(std::move(each));
  }
  json::object out;
  out["held"] = std::move(list);
  return finish(out);
}

std::vector<HeldRecord> read_held(std::string_view json) {
  std::vector<HeldRecord> records;
  const auto object = parse(json);
  const json::array* list = object ? array_in(*object, "held") : nullptr;
  if (list == nullptr) return records;
  for (const json::value& each : *list) {
    const json::object* held = each.if_object();
    if (held == nullptr) continue;
    auto release = string_in(held->if_contains("release"));
    auto reason = string_in(held->if_contains("reason"));
    if (release && reason) records.push_back({*release, *reason});
  }
  return records;
}

}  // namespace relaunch::release
