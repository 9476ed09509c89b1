#include "common/protocol/message.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/base/text.hpp"

namespace relaunch::protocol {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 8;
constexpr std::string_view kCutMark = "...";
constexpr std::size_t kMaxReasonBytes = 4096 + kCutMark.size();
constexpr std::size_t kMaxNameBytes = 255;
/// What every reader of JSON has as a whole number.
constexpr std::uint64_t kLargestNumber = INT64_MAX;

/// In the order of Message's alternatives.
constexpr std::array<std::string_view, std::variant_size_v<Message>> kTypes{
    "hello",           "adopted",
    "failed",          "ready",
    "extend_ready",    "health",
    "serving",         "stop_requested",
    "abort_requested", "end_probation",
    "committed",       "leave",
    "welcome",         "listeners",
    "ask_health",      "give_back",
    "commit",          "turn",
    "opened",          "upgrade_requested",
    "pause",           "drain",
    "upgrade_line",    "upgrade_ended",
    "report",          "rejoin",
    "rejoined",        "peer",
    "connections",     "connections_taken",
    "want_state",      "state",
    "want_file",       "file",
    "not_given",       "state_delta",
    "delta_taken"};

// The keys of each message, once for both directions. `self` is const when it
// is written.
template <typename Visitor, typename Self>
requires(std::is_empty_v<Self>) void visit_keys(Visitor&, Self&) {}

#define RELAUNCH_KEYS(Type)                                                  \
  template <typename Visitor, typename Self>                                 \
  requires(std::is_same_v<std::remove_const_t<Self>, Type>) void visit_keys( \
      Visitor& visitor, Self& self)

RELAUNCH_KEYS(Hello) {
  visitor("min_version", self.min_version);
  visitor("max_version", self.max_version);
  visitor("pid", self.pid);
}
RELAUNCH_KEYS(Adopted) { visitor("batch", self.batch); }
RELAUNCH_KEYS(Failed) { visitor("reason", self.reason); }
RELAUNCH_KEYS(Ready) { visitor("unclaimed", self.unclaimed); }
RELAUNCH_KEYS(ExtendReady) { visitor("milliseconds", self.milliseconds); }
RELAUNCH_KEYS(Health) {
  visitor("question", self.question);
  visitor("healthy", self.healthy);
}
RELAUNCH_KEYS(LeavingItem) {
  visitor("generation", self.generation);
  visitor("pid", self.pid);
  visitor("drain_milliseconds", self.drain_milliseconds);
  visitor("grace_milliseconds", self.grace_milliseconds);
}
RELAUNCH_KEYS(Welcome) {
  visitor("version", self.version);
  visitor("incumbent_generation", self.incumbent_generation);
  visitor("incumbent_pid", self.incumbent_pid);
  visitor("generation", self.generation);
  visitor("release", self.release);
  visitor("leaving", self.leaving);
}
RELAUNCH_KEYS(ListenerItem) {
  visitor("name", self.name);
  visitor("shard", self.shard);
  visitor("address", self.address);
  visitor.optional("fixed", self.fixed);
  visitor.optional("file", self.file);
}
RELAUNCH_KEYS(Listeners) {
  visitor("batch", self.batch);
  visitor("last", self.last);
  visitor("items", self.items);
}
RELAUNCH_KEYS(AskHealth) { visitor("question", self.question); }
RELAUNCH_KEYS(GiveBack) {
  visitor("drain_milliseconds", self.drain_milliseconds);
}
RELAUNCH_KEYS(Commit) {
  visitor("drain_milliseconds", self.drain_milliseconds);
  visitor("grace_milliseconds", self.grace_milliseconds);
}

RELAUNCH_KEYS(Opened) { visitor("items", self.items); }
RELAUNCH_KEYS(UpgradeRequested) {
  visitor("number", self.number);
  visitor("skip_build", self.skip_build);
  visitor("force", self.force);
  visitor("end_probation", self.end_probation);
}
RELAUNCH_KEYS(Pause) {
  visitor("successor_pid", self.successor_pid);
  visitor("except", self.except);
}
RELAUNCH_KEYS(DrainNow) {
  visitor("drain_milliseconds", self.drain_milliseconds);
}
RELAUNCH_KEYS(UpgradeLine) { visitor("number", self.number); }
RELAUNCH_KEYS(PhaseItem) {
  visitor("phase", self.phase);
  visitor("microseconds", self.microseconds);
}
RELAUNCH_KEYS(UpgradeEnded) {
  visitor("number", self.number);
  visitor("result", self.result);
  visitor("phase", self.phase);
  visitor("category", self.category);
  visitor("code", self.code);
  visitor("reason", self.reason);
  visitor("serving_generation", self.serving_generation);
  visitor("serving_pid", self.serving_pid);
  visitor("release", self.release);
  visitor("phases", self.phases);
}
RELAUNCH_KEYS(Report) {
  visitor("phase", self.phase);
  visitor("phases", self.phases);
  visitor("last_outcome", self.last_outcome);
  visitor("last_departure", self.last_departure);
}

RELAUNCH_KEYS(Rejoin) {
  visitor("generation", self.generation);
  visitor("release", self.release);
  visitor("committed", self.committed);
  visitor("has_turn", self.has_turn);
  visitor("listeners", self.listeners);
}
RELAUNCH_KEYS(Rejoined) { visitor("pid", self.pid); }
RELAUNCH_KEYS(Peer) {
  visitor("pid", self.pid);
  visitor("gives", self.gives);
}
RELAUNCH_KEYS(ConnectionItem) {
  visitor("name", self.name);
  visitor("state_bytes", self.state_bytes);
  visitor("unread_bytes", self.unread_bytes);
}
RELAUNCH_KEYS(Connections) {
  visitor("batch", self.batch);
  visitor("items", self.items);
}
RELAUNCH_KEYS(RefusedItem) {
  visitor("index", self.index);
  visitor("reason", self.reason);
}
RELAUNCH_KEYS(ConnectionsTaken) {
  visitor("batch", self.batch);
  visitor("refused", self.refused);
}
RELAUNCH_KEYS(WantState) {
  visitor("number", self.number);
  visitor("name", self.name);
  visitor("schema", self.schema);
  visitor("min_version", self.min_version);
  visitor("max_version", self.max_version);
  visitor("limit", self.limit);
}
RELAUNCH_KEYS(StateGiven) {
  visitor("number", self.number);
  visitor("schema", self.schema);
  visitor("version", self.version);
  visitor("bytes", self.bytes);
  visitor("checksum", self.checksum);
}
RELAUNCH_KEYS(WantFile) {
  visitor("number", self.number);
  visitor("name", self.name);
}
RELAUNCH_KEYS(FileGiven) {
  visitor("number", self.number);
  visitor("kind", self.kind);
  visitor("access", self.access);
}
RELAUNCH_KEYS(NotGiven) {
  visitor("number", self.number);
  visitor("reason", self.reason);
}
RELAUNCH_KEYS(StateDelta) {
  visitor("number", self.number);
  visitor("name", self.name);
  visitor("schema", self.schema);
  visitor("version", self.version);
  visitor("bytes", self.bytes);
  visitor("checksum", self.checksum);
}
RELAUNCH_KEYS(DeltaTaken) {
  visitor("number", self.number);
  visitor("refused", self.refused);
}

#undef RELAUNCH_KEYS

class Writer {
 public:
  explicit Writer(json::object& out) : out_(out) {}

  template <typename T>
  void operator()(std::string_view key, const T& value) {
    out_[key] = to_json(value);
  }
  void optional(std::string_view key, bool value) {
    if (value) out_[key] = true;
  }
  void optional(std::string_view key, const std::string& value) {
    if (!value.empty()) out_[key] = to_json(value);
  }

 private:
  static json::value to_json(bool value) { return value; }
  static json::value to_json(std::uint16_t value) { return value; }
  static json::value to_json(std::uint32_t value) { return value; }
  static json::value to_json(std::uint64_t value) {
    return static_cast<std::int64_t>(std::min(value, kLargestNumber));
  }
  static json::value to_json(const std::string& value) {
    return json::value(text::valid_utf8(value));
  }
  template <typename Item>
  requires std::is_aggregate_v<Item>
  static json::value to_json(const Item& item) {
    json::object out;
    Writer writer{out};
    visit_keys(writer, item);
    return out;
  }
  template <typename T>
  static json::value to_json(const std::vector<T>& list) {
    json::array out;
    for (const T& each : list) out.push_back(to_json(each));
    return out;
  }

  json::object& out_;
};

/// Reads the keys of one object and remembers the first that is wrong.
class Reader {
 public:
  explicit Reader(const json::object& in) : in_(in) {}

  template <typename T>
  void operator()(std::string_view key, T& value) {
    keys_.push_back(key);
    if (!problem_.empty()) return;
    const json::value* found = in_.if_contains(key);
    if (found == nullptr) {
      problem_ = text::cat("the key '", key, "' is missing");
    } else if (!from_json(*found, value) && problem_.empty()) {
      problem_ = text::cat("the key '", key, "' has a wrong type or range");
    }
  }

  /// False, or empty, where it is missing.
  template <typename T>
  void optional(std::string_view key, T& value) {
    if (in_.contains(key)) return (*this)(key, value);
    keys_.push_back(key);
    value = {};
  }

  const std::string& problem() const { return problem_; }
  bool knows(std::string_view key) const {
    return std::find(keys_.begin(), keys_.end(), key) != keys_.end();
  }

 private:
  static bool from_json(const json::value& in, bool& out) {
    if (!in.is_bool()) return false;
    out = in.get_bool();
    return true;
  }
  template <typename Number>
  requires std::is_unsigned_v<Number>
  static bool from_json(const json::value& in, Number& out) {
    // The parser makes uint64 only of what does not fit into int64.
    const std::int64_t* number = in.if_int64();
    if (number == nullptr || *number < 0) return false;
    if (static_cast<std::uint64_t>(*number) >
        std::uint64_t{std::numeric_limits<Number>::max()}) {
      return false;
    }
    out = static_cast<Number>(*number);
    return true;
  }
  static bool from_json(const json::value& in, std::string& out) {
    const json::string* string = in.if_string();
    if (string == nullptr) return false;
    out.assign(string->data(), string->size());
    return true;
  }
  template <typename Item>
  requires std::is_aggregate_v<Item>
  bool from_json(const json::value& in, Item& out) {
    const json::object* object = in.if_object();
    if (object == nullptr) return false;
    Reader reader{*object};
    visit_keys(reader, out);
    problem_ = reader.problem();
    return problem_.empty();
  }
  template <typename T>
  bool from_json(const json::value& in, std::vector<T>& out) {
    const json::array* array = in.if_array();
    if (array == nullptr) return false;
    for (const json::value& each : *array) {
      if (!from_json(each, out.emplace_back())) return false;
    }
    return true;
  }

  const json::object& in_;
  std::vector<std::string_view> keys_;
  std::string problem_;
};

Error malformed(std::string_view type, std::string_view why) {
  return Error{errc::malformed_frame,
               text::cat("cannot read a '", type, "' message: ", why)};
}

template <std::size_t... Index>
Message make_message(std::size_t type, std::index_sequence<Index...>) {
  Message message;
  ((Index == type ? void(message.emplace<Index>()) : void()), ...);
  return message;
}

Result<json::object> parse_head(std::string_view head) {
  if (head.size() > kMaxHeadBytes) {
    return Error{errc::malformed_frame,
                 text::cat("cannot read a message: its head has ", head.size(),
                           " bytes, the limit is ", kMaxHeadBytes)};
  }
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code failure;
  json::value value =
      json::parse({head.data(), head.size()}, failure, {}, options);
  if (failure) {
    return Error{
        errc::malformed_frame,
        text::cat("cannot read a message's head: ", failure.message())};
  }
  if (!value.is_object()) {
    return Error{errc::malformed_frame,
                 "cannot read a message: its head is no JSON object"};
  }
  return std::move(value.get_object());
}

/// What a later release marks as critical must be known here.
Result<void> check_critical(const json::object& head, std::string_view type,
                            const Reader& reader) {
  const json::value* critical = head.if_contains("critical");
  if (critical == nullptr) return {};
  const json::array* keys = critical->if_array();
  if (keys == nullptr) return malformed(type, "'critical' is no array");
  for (const json::value& key : *keys) {
    const json::string* name = key.if_string();
    if (name == nullptr) return malformed(type, "'critical' names no key");
    const std::string_view known{name->data(), name->size()};
    if (known == "type" || known == "critical" || reader.knows(known)) continue;
    return Error{
        errc::version_mismatch,
        text::cat("cannot read a '", type, "' message: '",
                  text::printable(known), "' is critical and unknown here")};
  }
  return {};
}

std::size_t handles_of(const Message& message) {
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    return 1 + welcome->leaving.size();
  }
  if (const auto* listeners = std::get_if<Listeners>(&message)) {
    return listeners->items.size();
  }
  const auto* opened = std::get_if<Opened>(&message);
  if (opened != nullptr) return opened->items.size();
  const auto* connections = std::get_if<Connections>(&message);
  if (connections != nullptr) return connections->items.size();
  if (std::get_if<Peer>(&message)) return 2;
  const bool one =
      std::get_if<Pause>(&message) || std::get_if<Rejoined>(&message) ||
      std::get_if<StateGiven>(&message) || std::get_if<FileGiven>(&message) ||
      std::get_if<StateDelta>(&message);
  return one ? 1 : 0;
}

/// What travels as the frame's body, in few messages.
template <typename Some>
auto body_of(Some& message) -> decltype(&std::get<UpgradeLine>(message).line) {
  if (auto* line = std::get_if<UpgradeLine>(&message)) return &line->line;
  if (auto* given = std::get_if<Connections>(&message)) return &given->bytes;
  auto* ended = std::get_if<UpgradeEnded>(&message);
  return ended == nullptr ? nullptr : &ended->build_output;
}

/// The names that stand in it.
std::vector<std::string_view> names_in(const Message& message) {
  std::vector<std::string_view> names;
  if (const auto* ready = std::get_if<Ready>(&message)) {
    names.assign(ready->unclaimed.begin(), ready->unclaimed.end());
  } else if (const auto* listeners = std::get_if<Listeners>(&message)) {
    for (const auto& item : listeners->items) names.push_back(item.name);
  } else if (const auto* opened = std::get_if<Opened>(&message)) {
    for (const auto& item : opened->items) names.push_back(item.name);
  } else if (const auto* given = std::get_if<Connections>(&message)) {
    for (const auto& item : given->items) names.push_back(item.name);
  } else if (const auto* pause = std::get_if<Pause>(&message)) {
    names.assign(pause->except.begin(), pause->except.end());
  } else if (const auto* want = std::get_if<WantState>(&message)) {
    names.assign({want->name, want->schema});
  } else if (const auto* state = std::get_if<StateGiven>(&message)) {
    names.assign({state->schema});
  } else if (const auto* delta = std::get_if<StateDelta>(&message)) {
    names.assign({delta->name, delta->schema});
  } else if (const auto* file = std::get_if<WantFile>(&message)) {
    names.assign({file->name});
  }
  return names;
}

/// The text that says why something failed, in those messages that have one.
template <typename Some>
auto reason_in(Some& message) -> decltype(&std::get<Failed>(message).reason) {
  if (auto* failed = std::get_if<Failed>(&message)) return &failed->reason;
  if (auto* none = std::get_if<NotGiven>(&message)) return &none->reason;
  auto* delta = std::get_if<DeltaTaken>(&message);
  return delta == nullptr ? nullptr : &delta->refused;
}

/// Rules that the types alone do not express.
Result<void> check_content(const Message& message, std::size_t handles) {
  const std::string_view type = type_of(message);
  if (handles != handles_of(message)) {
    return malformed(type, text::cat("it came with ", handles, " handles, not ",
                                     handles_of(message)));
  }
  for (const std::string_view name : names_in(message)) {
    const auto fine = check_name(name);
    if (!fine) return malformed(type, fine.error().text());
  }
  const auto* reason = reason_in(message);
  if (reason && reason->size() > kMaxReasonBytes) {
    return malformed(type, text::cat("its reason has ", reason->size(),
                                     " bytes, the limit is ", kMaxReasonBytes));
  }
  return {};
}

/// What is said of the body must be true of it.
Result<void> check_sizes(const Message& message) {
  const auto* given = std::get_if<Connections>(&message);
  if (given == nullptr) return {};
  std::size_t all = 0;
  for (const auto& item : given->items) {
    const std::size_t bytes =
        std::size_t{item.state_bytes} + std::size_t{item.unread_bytes};
    if (bytes > kMaxConnectionBytes) {
      return malformed("connections", "an item has too many bytes");
    }
    all += bytes;
  }
  if (all != given->bytes.size()) {
    return malformed("connections",
                     text::cat("its items have ", all, " bytes, its body has ",
                               given->bytes.size()));
  }
  return {};
}

bool is_long(const std::string& reason) {
  return text::valid_utf8(reason).size() > kMaxReasonBytes;
}

/// A reason may quote what a program printed; it must fit into a head.
std::string cut_reason(std::string reason) {
  if (reason.size() <= kMaxReasonBytes) return reason;
  std::size_t end = kMaxReasonBytes - kCutMark.size();
  while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xC0) == 0x80) {
    --end;
  }
  return reason.erase(end).append(kCutMark);
}

}  // namespace

std::string_view type_of(const Message& message) {
  return kTypes[message.index()];
}

Frame to_frame(const Message& message) {
  if (const auto* reason = reason_in(message); reason && is_long(*reason)) {
    Message short_one = message;
    *reason_in(short_one) = cut_reason(text::valid_utf8(*reason));
    return to_frame(short_one);
  }
  json::object head;
  head["type"] = json::string_view{type_of(message)};
  Writer writer{head};
  std::visit([&](const auto& each) { visit_keys(writer, each); }, message);
  Frame frame;
  if (const auto* body = body_of(message)) frame.body = *body;
  frame.head = json::serialize(head);
  frame.handles = static_cast<std::uint16_t>(handles_of(message));
  return frame;
}

Result<Message> from_frame(const Frame& frame) {
  const auto head = parse_head(frame.head);
  if (!head) return head.error();
  const json::value* named = head->if_contains("type");
  if (named == nullptr || !named->is_string()) {
    return Error{errc::malformed_frame,
                 "cannot read a message: its head names no type"};
  }
  const std::string_view type{named->get_string().data(),
                              named->get_string().size()};
  const auto known = std::find(kTypes.begin(), kTypes.end(), type);
  if (known == kTypes.end()) {
    return Error{
        errc::unexpected_message,
        text::cat("cannot read a message of the unknown type '",
                  text::printable(type.substr(0, kMaxNameBytes)), "'")};
  }
  Message message =
      make_message(static_cast<std::size_t>(known - kTypes.begin()),
                   std::make_index_sequence<kTypes.size()>{});
  Reader reader{*head};
  std::visit([&](auto& each) { visit_keys(reader, each); }, message);
  if (const auto fine = check_critical(*head, type, reader); !fine) {
    return fine.error();
  }
  if (!reader.problem().empty()) return malformed(type, reader.problem());
  if (const auto fine = check_content(message, frame.handles); !fine) {
    return fine.error();
  }
  if (auto* body = body_of(message)) *body = frame.body;
  if (const auto fine = check_sizes(message); !fine) return fine.error();
  return message;
}

Result<std::uint16_t> choose_version(std::uint16_t their_min,
                                     std::uint16_t their_max) {
  const std::uint16_t highest = std::min(kMaxVersion, their_max);
  if (highest >= std::max(kMinVersion, their_min)) {
    return highest;
  }
  return Error{errc::version_mismatch,
               text::cat("no common protocol version: this release speaks ",
                         kMinVersion, " to ", kMaxVersion, ", the other ",
                         their_min, " to ", their_max)};
}

Result<void> check_name(std::string_view name) {
  const auto refuse = [name](std::string_view why) {
    return Error{
        errc::invalid_argument,
        text::cat("cannot use the name '",
                  text::printable(name.substr(0, kMaxNameBytes)), "': ", why)};
  };
  if (name.empty()) return refuse("it is empty");
  if (name.size() > kMaxNameBytes) {
    return refuse(text::cat("it has ", name.size(),
                            " characters, the limit is ", kMaxNameBytes));
  }
  for (const char c : name) {
    if (c == ':') return refuse("it contains ':'");
    if (c < 0x20 || c > 0x7E) {
      return refuse("it contains a character that is not printable ASCII");
    }
  }
  return {};
}

}  // namespace relaunch::protocol
