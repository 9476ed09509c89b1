// What an instance answers, made fit for people: whole lines for standard
// output. Every text is escaped: names and reasons are other people's.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

#include "relaunch/outcome.hpp"

namespace relaunch::cli {

/// "done: generation=2 pid=71 release=… took_ms=812", "failed in build: <why>;
/// generation=1 pid=70 serves took_ms=9"
std::string outcome_line(const Outcome& outcome);
/// One object with "schema": 1 in one line.
std::string outcome_json(const Outcome& outcome);

/// `key  value` for each member, what is nested below its key. It shows what a
/// newer instance may have added too.
std::string status_text(const boost::json::object& status);

/// An upgrade a line, the oldest first.
std::string history_text(const boost::json::array& history);

/// "2026-11-22T23:14:05.120Z info upgrade.phase …"
std::string event_text(const boost::json::object& event);

/// One line of JSON.
std::string json_line(const boost::json::value& value);

}  // namespace relaunch::cli
