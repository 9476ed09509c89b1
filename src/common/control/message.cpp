#include "common/control/message.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <iterator>
#include <limits>

#include "common/base/outcome_name.hpp"
#include "common/base/text.hpp"
#include "common/protocol/outcome.hpp"

namespace relaunch::control {
namespace {

namespace json = boost::json;
using text::cat;

constexpr std::size_t kMaxDepth = 8;
constexpr std::array<std::string_view, 10> kVerbs{
    "upgrade", "abort",   "stop",   "reload", "status",
    "history", "metrics", "events", "rejoin", "replace"};
static_assert(kVerbs.size() == static_cast<std::size_t>(kLastVerb) + 1);
constexpr std::array<std::string_view, 3> kModes{
    "drain", "drain_without_deadline", "now"};
constexpr std::array<std::string_view, 6> kKinds{"line", "event",   "data",
                                                 "done", "outcome", "error"};

template <typename Names>
std::optional<std::size_t> index_of(const Names& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return {};
  return static_cast<std::size_t>(found - names.begin());
}

Error malformed(std::string_view why) {
  return Error{errc::malformed_frame,
               cat("cannot read a control message: ", why)};
}

Result<json::object> parse_head(const std::string& head) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code failure;
  json::value value = json::parse(head, failure, {}, options);
  if (failure) return malformed(failure.message());
  if (!value.is_object()) return malformed("its head is no JSON object");
  return std::move(value.get_object());
}

/// Reads members; the first that is wrong is remembered.
class Members {
 public:
  explicit Members(const json::object& in) : in_(in) {}

  // Without a NUL: the system would read a path or an argument only up to it.
  std::string text(std::string_view key, std::string otherwise = {}) {
    const json::value* found = in_.if_contains(key);
    if (!found) return otherwise;
    const json::string* string = found->if_string();
    if (string && string->find('\0') == json::string::npos) {
      return {string->data(), string->size()};
    }
    return wrong(key, otherwise);
  }
  bool flag(std::string_view key) {
    const json::value* found = in_.if_contains(key);
    if (!found) return false;
    return found->is_bool() ? found->get_bool() : wrong(key, false);
  }
  std::uint64_t number(std::string_view key, std::uint64_t most) {
    const json::value* found = in_.if_contains(key);
    if (!found) return 0;
    const std::int64_t* number = found->if_int64();
    if (!number || *number < 0 || static_cast<std::uint64_t>(*number) > most) {
      return wrong(key, std::uint64_t{0});
    }
    return static_cast<std::uint64_t>(*number);
  }
  std::optional<std::vector<std::string>> words(std::string_view key) {
    const json::value* found = in_.if_contains(key);
    if (!found) return {};
    std::vector<std::string> words;
    if (const json::array* array = found->if_array()) {
      for (const json::value& each : *array) {
        const json::string* word = each.if_string();
        if (!word || word->find('\0') != json::string::npos) {
          return wrong(key, words);
        }
        words.emplace_back(word->data(), word->size());
      }
      return words;
    }
    return wrong(key, words);
  }
  const std::string& problem() const { return problem_; }

 private:
  template <typename T>
  T wrong(std::string_view key, T value) {
    if (problem_.empty()) {
      problem_ = cat("the key '", key, "' has a wrong type or range");
    }
    return value;
  }

  const json::object& in_;
  std::string problem_;
};

json::string_view view(std::string_view text) {
  return {text.data(), text.size()};
}

void write_error(json::object& head, const Error& error) {
  head["category"] = error.code().category().name();
  head["code"] = static_cast<std::uint32_t>(error.code().value());
}

protocol::Frame frame_of(const json::object& head, std::string body = {}) {
  protocol::Frame frame;
  frame.head = json::serialize(head);
  frame.body = std::move(body);
  return frame;
}

/// An error says its code's words by itself: they are not said twice.
std::string without_words_of(const std::error_code& code, std::string text) {
  const std::string words = Error{code, ""}.text();
  if (text == words) return {};
  if (text.ends_with(cat(": ", words)))
    text.resize(text.size() - words.size() - 2);
  return text;
}

/// What is longer than a body may be keeps its end.
std::string cut(std::string text) {
  if (text.size() > protocol::kMaxBodyBytes) {
    text.erase(0, text.size() - protocol::kMaxBodyBytes);
  }
  return text;
}

}  // namespace

std::string_view to_string(Verb verb) noexcept {
  return kVerbs[static_cast<std::size_t>(verb)];
}

protocol::Frame to_frame(const Request& request) {
  json::object head;
  head["verb"] = view(to_string(request.verb));
  head["min_version"] = request.min_version;
  head["max_version"] = request.max_version;
  if (request.verb == Verb::upgrade) {
    const UpgradeOrder& order = request.order;
    head["skip_build"] = order.request.skip_build;
    head["force"] = order.request.force;
    head["end_probation"] = order.request.end_probation;
    head["artifact"] = text::utf8(order.artifact);
    head["release"] = text::valid_utf8(order.release);
    if (order.arguments) {
      json::array words;
      for (const auto& word : *order.arguments) {
        words.emplace_back(view(text::valid_utf8(word)));
      }
      head["arguments"] = std::move(words);
    }
  } else if (request.verb == Verb::stop) {
    head["mode"] = view(kModes[static_cast<std::size_t>(request.mode)]);
  } else if (request.verb == Verb::events) {
    head["follow"] = request.follow;
    head["since"] = request.since;
  }
  return frame_of(head);
}

Result<Request> request_from(const protocol::Frame& frame) {
  const auto head = parse_head(frame.head);
  if (!head) return head.error();
  Members members{*head};
  Request request;
  const std::string verb = members.text("verb");
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint16_t>::max();
  request.min_version =
      static_cast<std::uint16_t>(members.number("min_version", kMost));
  request.max_version =
      static_cast<std::uint16_t>(members.number("max_version", kMost));
  if (!members.problem().empty()) return malformed(members.problem());
  if (request.max_version < kMinVersion || request.min_version > kMaxVersion) {
    return Error{errc::version_mismatch,
                 cat("this coordinator speaks ", kMinVersion, " to ",
                     kMaxVersion, ", the command ", request.min_version, " to ",
                     request.max_version)};
  }
  const auto known = index_of(kVerbs, verb);
  if (!known) {
    return Error{errc::unexpected_message,
                 cat("cannot do '", text::printable(verb.substr(0, 64)),
                     "': no such verb")};
  }
  request.verb = static_cast<Verb>(*known);
  request.order.request = {members.flag("skip_build"), members.flag("force"),
                           members.flag("end_probation")};
  request.order.artifact = text::path_from_utf8(members.text("artifact"));
  request.order.release = members.text("release");
  request.order.arguments = members.words("arguments");
  const auto mode = index_of(kModes, members.text("mode", "drain"));
  request.follow = members.flag("follow");
  request.since =
      members.number("since", std::numeric_limits<std::int64_t>::max());
  if (!members.problem().empty()) return malformed(members.problem());
  if (!mode) return malformed("the key 'mode' names no mode");
  request.mode = static_cast<StopMode>(*mode);
  return request;
}

std::chrono::milliseconds duration_of(const Outcome& outcome) {
  if (outcome.phases.empty()) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      outcome.phases.back().at);
}

json::array to_json(const std::vector<PhaseTime>& phases) {
  json::array out;
  for (const auto& [phase, at] : phases) {
    out.push_back(
        {{"phase", view(relaunch::to_string(phase))}, {"at_us", at.count()}});
  }
  return out;
}

json::object to_json(const Outcome& outcome) {
  json::object out;
  out["schema"] = kSchema;
  out["outcome"] = outcome_name(outcome.result);
  out["phase"] = view(relaunch::to_string(outcome.phase));
  out["reason"] = text::valid_utf8(outcome.reason);
  if (outcome.code) write_error(out, Error{outcome.code, ""});
  out["generation"] = outcome.serving_generation;
  out["pid"] = outcome.serving_pid;
  out["release"] = text::valid_utf8(outcome.release);
  out["duration_ms"] = duration_of(outcome).count();
  out["phases"] = to_json(outcome.phases);
  return out;
}

protocol::Frame to_frame(const Answer& answer) {
  json::object head;
  if (answer.kind == Answer::Kind::outcome) {
    protocol::Frame frame =
        protocol::to_frame(protocol::to_message(0, answer.outcome));
    boost::system::error_code failure;
    head = json::parse(frame.head, failure).as_object();
    head["answer"] = "outcome";
    return frame_of(head, std::move(frame.body));
  }
  head["answer"] = view(kKinds[static_cast<std::size_t>(answer.kind)]);
  if (answer.kind != Answer::Kind::error) {
    return frame_of(head, cut(answer.text));
  }
  write_error(head, answer.error);
  return frame_of(head, cut(answer.error.text()));
}

Result<Answer> answer_from(const protocol::Frame& frame) {
  const auto head = parse_head(frame.head);
  if (!head) return head.error();
  Members members{*head};
  const auto kind = index_of(kKinds, members.text("answer"));
  if (!kind) return malformed("it is no answer");
  Answer answer;
  answer.kind = static_cast<Answer::Kind>(*kind);
  if (answer.kind == Answer::Kind::outcome) {
    const auto message = protocol::from_frame(frame);
    if (!message) return message.error();
    const auto* ended = std::get_if<protocol::UpgradeEnded>(&*message);
    if (!ended) return malformed("its outcome is none");
    answer.outcome = protocol::to_outcome(*ended);
  } else if (answer.kind == Answer::Kind::error) {
    const auto code = members.number("code", UINT32_MAX);
    const auto known = protocol::code_of(members.text("category"),
                                         static_cast<std::uint32_t>(code));
    answer.error = Error{known, without_words_of(known, frame.body)};
  } else {
    answer.text = frame.body;
  }
  if (!members.problem().empty()) return malformed(members.problem());
  return answer;
}

}  // namespace relaunch::control
