// What an option's text means. Pure: no file, no environment.
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/option_table.hpp"
#include "common/supervisor/options.hpp"

namespace relaunch::cli {

/// Why a text means nothing: the end of a sentence.
struct Complaint {
  std::string why;
};
template <typename T>
using Checked = boost::system::result<T, Complaint>;

/// Words are separated by blanks and tabs. '…' and "…" keep what is in them
/// together; in "…" a backslash takes the next " or \ literally. Elsewhere a
/// backslash is itself, as in C:\folder. Nothing else means anything: there is
/// no shell.
Checked<std::vector<std::string>> split_words(std::string_view text);
/// What split_words() reads back as these.
std::string join_words(const std::vector<std::string>& words);

/// 500ms, 10s, 2m, 1h: more than zero, at most a year.
Checked<std::chrono::milliseconds> parse_duration(std::string_view text);
Checked<unsigned> parse_count(std::string_view text, unsigned least,
                              unsigned limit);
/// true, yes, on, 1; false, no, off, 0
Checked<bool> parse_flag(std::string_view text);
Checked<supervisor::ListenerOption> parse_listener(std::string_view text);

struct Probe {
  supervisor::Readiness kind = supervisor::Readiness::none;
  std::vector<std::string> target;
};
/// http:/path, tcp, command:WORDS, and what else `choices` names.
Checked<Probe> parse_probe(std::string_view text, std::string_view choices);

/// Any value of this option.
Checked<void> check_value(const OptionInfo& option, std::string_view text);

/// May it be an instance's name, which is a part of paths?
bool is_plain_name(std::string_view name);

}  // namespace relaunch::cli
