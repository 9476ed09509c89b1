#include "cli/values.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "common/base/address.hpp"
#include "common/base/text.hpp"
#include "common/protocol/message.hpp"
#include "common/supervisor/passed_listeners.hpp"

namespace relaunch::cli {
namespace {

using std::chrono::milliseconds;
using supervisor::Readiness;
using text::cat;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Takes one word off the front, where one begins.
Checked<void> take_word(std::string_view& rest, std::string& word) {
  while (!rest.empty() && !is_blank(rest.front())) {
    const char quote = rest.front();
    rest.remove_prefix(1);
    if (quote != '"' && quote != '\'') {
      word += quote;
      continue;
    }
    for (;;) {
      if (rest.empty()) return Complaint{cat("a ", quote, " is not closed")};
      const char c = rest.front();
      rest.remove_prefix(1);
      if (c == quote) break;
      const bool escapes = quote == '"' && c == '\\' && !rest.empty() &&
                           (rest.front() == '"' || rest.front() == '\\');
      word += escapes ? rest.front() : c;
      if (escapes) rest.remove_prefix(1);
    }
  }
  return {};
}

bool needs_quotes(std::string_view word) {
  return word.empty() || word.find_first_of(" \t\"'") != word.npos;
}

/// Everything that a list of words or a name must not have, whatever it is.
Checked<void> check_text(std::string_view value) {
  if (value.empty()) return Complaint{"it is empty"};
  if (value.find_first_of(std::string_view{"\0\r\n", 3}) != value.npos) {
    return Complaint{"it has a line end or a NUL in it"};
  }
  return {};
}

bool is_choice(std::string_view value, std::string_view choices) {
  while (!choices.empty()) {
    const auto end = std::min(choices.find('|'), choices.size());
    if (choices.substr(0, end) == value) return true;
    choices.remove_prefix(std::min(end + 1, choices.size()));
  }
  return false;
}

std::string listed(std::string_view choices) {
  std::string out;
  for (const char c : choices) {
    if (c == '|') {
      out += ", ";
    } else {
      out += c;
    }
  }
  return out;
}

Readiness probe_kind(std::string_view name) {
  if (name == "embedded") return Readiness::embedded;
  if (name == "notify") return Readiness::notify;
  if (name == "http") return Readiness::http;
  if (name == "tcp") return Readiness::tcp;
  if (name == "command") return Readiness::command;
  return Readiness::none;
}

template <typename T>
Checked<void> only_check(const Checked<T>& checked) {
  if (!checked) return checked.error();
  return {};
}

Checked<void> check_choice(const OptionInfo& option, std::string_view value) {
  if (is_choice(value, option.choices)) return {};
  return Complaint{cat("it is one of ", listed(option.choices))};
}

Checked<void> check_inner(std::string_view value) {
  const auto path = text::path_from_utf8(value).lexically_normal();
  if (path.is_absolute() || path.has_root_path() || path.empty() ||
      *path.begin() == "..") {
    return Complaint{"it is a path below the artifact's folder"};
  }
  return {};
}

Checked<void> check_variable(std::string_view value) {
  const auto equals = value.find('=');
  if (equals == 0 ||
      value.substr(0, equals).find_first_of(" \t") != value.npos ||
      equals == value.npos) {
    return Complaint{"a variable is NAME=VALUE"};
  }
  return {};
}

Checked<void> check_name(std::string_view value) {
  if (is_plain_name(value)) return {};
  return Complaint{
      "a name has letters, digits, '-', '_' and '.', begins with none of the "
      "last and is no longer than 64"};
}

}  // namespace

Checked<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (;;) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    if (text.empty()) return words;
    words.emplace_back();
    auto taken = take_word(text, words.back());
    if (!taken) return taken.error();
  }
}

std::string join_words(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    if (!needs_quotes(word)) {
      out += word;
      continue;
    }
    out += '"';
    for (const char c : word) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out;
}

Checked<milliseconds> parse_duration(std::string_view text) {
  constexpr milliseconds kLongest = std::chrono::hours{24 * 365};
  const Complaint complaint{
      "a duration is 500ms, 10s, 2m or 1h, more than zero and at most a year"};
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || number <= 0) return complaint;
  const std::string_view suffix{rest, static_cast<std::size_t>(end - rest)};
  milliseconds unit{1};
  if (suffix == "s") {
    unit = std::chrono::seconds{1};
  } else if (suffix == "m") {
    unit = std::chrono::minutes{1};
  } else if (suffix == "h") {
    unit = std::chrono::hours{1};
  } else if (suffix != "ms") {
    return complaint;
  }
  if (number > kLongest / unit) return complaint;
  return number * unit;
}

Checked<unsigned> parse_count(std::string_view text, unsigned least,
                              unsigned limit) {
  unsigned number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || rest != end || number < least ||
      number > limit) {
    return Complaint{cat("it is a number from ", least, " to ", limit)};
  }
  return number;
}

Checked<bool> parse_flag(std::string_view text) {
  if (is_choice(text, "true|yes|on|1")) return true;
  if (is_choice(text, "false|no|off|0")) return false;
  return Complaint{"it is true or false"};
}

Checked<supervisor::ListenerOption> parse_listener(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == text.npos) {
    return Complaint{
        "a listener is name=tcp://address:port or name=unix:///path"};
  }
  const auto name = text.substr(0, equals);
  if (const auto named = protocol::check_name(name); !named) {
    return Complaint{named.error().text()};
  }
  supervisor::ListenerOption option{std::string{name},
                                    std::string{text.substr(equals + 1)}};
  // From a socket unit: its FileDescriptorName= is checked as a name.
  if (const auto unit = supervisor::socket_unit_of(option)) {
    if (const auto named = protocol::check_name(*unit); !named) {
      return Complaint{named.error().text()};
    }
    return option;
  }
  const auto address = Address::parse(text.substr(equals + 1));
  if (!address) return Complaint{address.error().text()};
  return supervisor::ListenerOption{std::string{name}, address->text()};
}

Checked<Probe> parse_probe(std::string_view text, std::string_view choices) {
  const auto colon = text.find(':');
  const auto kind = text.substr(0, colon);
  if (!is_choice(kind, choices)) {
    return Complaint{cat("it is one of ", listed(choices))};
  }
  Probe probe{probe_kind(kind), {}};
  const bool takes_target =
      probe.kind == Readiness::http || probe.kind == Readiness::command;
  if (!takes_target) {
    if (colon == text.npos) return probe;
    return Complaint{cat(kind, " takes nothing after it")};
  }
  const auto target =
      colon == text.npos ? std::string_view{} : text.substr(colon + 1);
  if (probe.kind == Readiness::http) {
    const bool plain = std::all_of(target.begin(), target.end(),
                                   [](char c) { return c > ' ' && c <= '~'; });
    if (!target.starts_with('/') || !plain) {
      return Complaint{"http takes a path: http:/health"};
    }
    probe.target = {std::string{target}};
    return probe;
  }
  auto words = split_words(target);
  if (!words) return words.error();
  if (words->empty()) {
    return Complaint{"command takes a command: command:check --fast"};
  }
  probe.target = std::move(*words);
  return probe;
}

Checked<void> check_value(const OptionInfo& option, std::string_view value) {
  if (auto fine = check_text(value); !fine) return fine;
  switch (option.kind) {
    case Kind::flag:
      return only_check(parse_flag(value));
    case Kind::name:
      return check_name(value);
    case Kind::inner:
      return check_inner(value);
    case Kind::words:
      return only_check(split_words(value));
    case Kind::duration:
      return only_check(parse_duration(value));
    case Kind::count:
      return only_check(parse_count(value, option.least, option.limit));
    case Kind::choice:
      return check_choice(option, value);
    case Kind::probe:
      return only_check(parse_probe(value, option.choices));
    case Kind::listener:
      return only_check(parse_listener(value));
    case Kind::variable:
      return check_variable(value);
    case Kind::text:
    case Kind::path:
      break;
  }
  return {};
}

bool is_plain_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  return !name.empty() && name.size() <= kLongest && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
         });
}

}  // namespace relaunch::cli
