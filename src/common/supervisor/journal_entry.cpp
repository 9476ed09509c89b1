#include "common/supervisor/journal_entry.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>

#include "common/base/text.hpp"

namespace relaunch::supervisor {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 3> kRoles{"incumbent", "successor",
                                                 "draining"};

std::uint64_t number(const json::object& in, std::string_view key,
                     std::uint64_t most) {
  const json::value* found = in.if_contains(key);
  const std::int64_t* value = found ? found->if_int64() : nullptr;
  if (!value || *value < 0 || static_cast<std::uint64_t>(*value) > most) {
    return 0;
  }
  return static_cast<std::uint64_t>(*value);
}

std::string word(const json::object& in, std::string_view key) {
  const json::value* found = in.if_contains(key);
  const json::string* text = found ? found->if_string() : nullptr;
  return text ? std::string{text->data(), text->size()} : std::string{};
}

std::optional<JournalEntry> read_entry(const json::value& value) {
  const json::object* in = value.if_object();
  if (!in) return {};
  JournalEntry entry;
  entry.generation =
      static_cast<std::uint32_t>(number(*in, "generation", UINT32_MAX));
  entry.pid = static_cast<os::ProcessId>(number(*in, "pid", UINT32_MAX));
  entry.identity = number(*in, "identity", INT64_MAX);
  entry.release = word(*in, "release");
  const json::value* embedded = in->if_contains("embedded");
  entry.embedded = !embedded || !embedded->is_bool() || embedded->get_bool();
  if (const json::value* output = in->if_contains("output");
      output && output->is_array()) {
    for (const json::value& place : output->get_array()) {
      if (const json::string* text = place.if_string()) {
        entry.output.emplace_back(text->data(), text->size());
      }
    }
  }
  const auto role = std::find(kRoles.begin(), kRoles.end(), word(*in, "role"));
  // A process that cannot be told from another one is nobody's.
  if (entry.pid == 0 || entry.identity == 0 || role == kRoles.end()) return {};
  entry.role = static_cast<Role>(role - kRoles.begin());
  return entry;
}

}  // namespace

std::string to_text(const std::vector<JournalEntry>& entries) {
  json::array list;
  for (const JournalEntry& entry : entries) {
    const auto role = kRoles[static_cast<std::size_t>(entry.role)];
    json::array output(entry.output.begin(), entry.output.end());
    list.push_back({{"generation", entry.generation},
                    {"pid", entry.pid},
                    {"identity", entry.identity},
                    {"role", json::string_view{role.data(), role.size()}},
                    {"release", text::valid_utf8(entry.release)},
                    {"embedded", entry.embedded},
                    {"output", std::move(output)}});
  }
  return json::serialize(json::object{{"generations", std::move(list)}});
}

std::vector<JournalEntry> journal_from(std::string_view text) {
  std::vector<JournalEntry> entries;
  boost::system::error_code failure;
  json::parse_options options;
  options.max_depth = 8;
  const json::value value =
      json::parse({text.data(), text.size()}, failure, {}, options);
  const json::object* head = failure ? nullptr : value.if_object();
  const json::value* list = head ? head->if_contains("generations") : nullptr;
  if (!list || !list->is_array()) return entries;
  for (const json::value& each : list->get_array()) {
    if (auto entry = read_entry(each)) entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace relaunch::supervisor
