// Rows of the tables of faults: where a process ends or hangs in an upgrade,
// and what must be afterwards.
#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "programs/recipe.hpp"

namespace relaunch::test {

using Settings = std::map<std::string, std::string>;

/// RELAUNCH_FAULTS_ALL: every row, as ci/checks runs them; otherwise one of
/// `each`, fewer still where a process costs more.
template <typename Row>
std::vector<Row> sample(std::vector<Row> rows, std::size_t each) {
  if (std::getenv("RELAUNCH_FAULTS_ALL") != nullptr) return rows;
  std::vector<Row> some;
  for (std::size_t i = 0; i < rows.size(); i += each * FAULTS_SPARSER)
    some.push_back(rows[i]);
  return some;
}

template <typename Row>
std::vector<Row> together(std::initializer_list<std::vector<Row>> parts) {
  std::vector<Row> all;
  for (const auto& part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// The name of a test of a table: its row, as it is printed.
template <typename Row>
std::string row_name(const testing::TestParamInfo<Row>& row) {
  std::string name = testing::PrintToString(row.param);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

/// `After`: who is there afterwards.
template <typename After>
struct FaultRow {
  std::string where;
  std::string order;
  After after = After::incumbent;
  std::string outcome;  ///< how it begins; empty: whoever asked hears nothing
  Recipe release;
  Settings settings;
};

template <typename After>
std::ostream& operator<<(std::ostream& out, const FaultRow<After>& row) {
  return out << row.where << " " << row.order;
}

inline const Recipe kTwo{{"greeting", "two"}};
inline const Recipe kUnhealthy{{"greeting", "two"}, {"unhealthy", "1"}};

template <typename After>
FaultRow<After> kill(const char* where, After after, const char* outcome = "",
                     const Recipe& release = kTwo) {
  return {where, "kill", after, outcome, release, {}};
}
template <typename After>
FaultRow<After> hang(const char* where, After after, const char* outcome = "",
                     const Settings& settings = {},
                     const Recipe& release = kTwo) {
  return {where, "hang", after, outcome, release, settings};
}

// The successor does the same whoever coordinates.
inline constexpr char kInSwitch[] = "rolled back in switch: ";
inline constexpr char kInProbation[] = "rolled back in probation: ";
inline constexpr char kInCommit[] = "rolled back in commit: ";

template <typename After>
std::vector<FaultRow<After>> successor_ends() {
  const After back = After::incumbent;
  return {kill("successor.send-ready", back, "failed in prepare: "),
          kill("successor.take-turn", back, kInSwitch),
          kill("successor.send-serving", back, kInSwitch),
          kill("successor.stay", back, kInCommit),
          // It has stayed already, and is an incumbent.
          kill("incumbent.send-committed", back, kInCommit),
          kill("successor.yield-turn", back, kInProbation, kUnhealthy),
          kill("successor.send-turn", back, kInProbation, kUnhealthy),
          kill("successor.leave-again", back, kInProbation, kUnhealthy)};
}

/// `quick`: deadlines that are over soon.
template <typename After>
std::vector<FaultRow<After>> successor_hangs(const Settings& quick) {
  const After back = After::incumbent;
  return {hang("successor.send-ready", back,
               "failed in prepare: ", {{"ready", "1000"}}),
          hang("successor.take-turn", back, kInSwitch, quick),
          hang("successor.send-serving", back, kInSwitch, quick),
          hang("successor.yield-turn", back, kInProbation, quick, kUnhealthy),
          hang("successor.send-turn", back, kInProbation, quick, kUnhealthy),
          // What was sent is not on its way yet.
          hang("successor.leave-again", back, kInProbation, quick, kUnhealthy),
          hang("successor.stay", After::successor_stuck, "done generation=2",
               quick)};
}

}  // namespace relaunch::test
