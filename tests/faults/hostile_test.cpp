// A successor that breaks the rules of the channel at any moment, and lives on:
// it costs at most the upgrade.
#include "faults/fault_fixture.hpp"
#include "faults/fault_rows.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Row {
  std::string moment;
  std::string kind;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.kind << " for " << row.moment;
}

std::vector<Row> rows() {
  std::vector<Row> all{{"hello", "range"}, {"hello", "pid"}};
  for (const char* moment : {"hello", "adopted", "ready", "turn", "health"}) {
    for (const char* kind : {"garbage", "version", "oversized", "truncated",
                             "nonsense", "unexpected"}) {
      all.push_back({moment, kind});
    }
  }
  return all;
}

/// What the answer says of it, and not that some deadline has passed.
const std::map<std::string, std::string> kReasons{
    {"garbage", "malformed frame"},
    {"version", "the frame has version 99, this is 1"},
    {"oversized", "the limit is 65536"},
    {"truncated", "the other side closed the channel"},
    {"nonsense", "the unknown type 'nonsense'"},
    {"unexpected", "the successor sent commit"},
    {"range", "this release speaks 1 to 1, the other 98 to 99"},
    {"pid", "says hello"}};

class HostileSuccessor : public testing::TestWithParam<Row> {};

TEST_P(HostileSuccessor, CostsAtMostTheUpgrade) {
  const auto& [moment, kind] = GetParam();
  const std::map<std::string, std::string> settings{{"turn", "1500"}};
  FaultyUpgrade upgrade(settings);
  upgrade.begin({{"hostile", kind}, {"moment", moment}});
  const UpdateAnswer answer = upgrade.answer();
  const bool switched = moment == "turn" || moment == "health";
  EXPECT_THAT(answer.outcome,
              StartsWith(switched ? "rolled back in " : "failed in "))
      << upgrade.server().process().output();
  EXPECT_THAT(answer.outcome, HasSubstr("generation=1"));
  EXPECT_THAT(answer.outcome, HasSubstr(kReasons.at(kind)));
  upgrade.expect_little_lost(false);
  upgrade.expect_serves(1, "one");
  upgrade.expect_next_works(1);
}

INSTANTIATE_TEST_SUITE_P(Each, HostileSuccessor,
                         testing::ValuesIn(sample(rows(), 5)), row_name<Row>);

TEST(ReadyTwice, IsReadyOnce) {
  ServerUnderTest server;
  EXPECT_THAT(
      server.update_to({{"greeting", "two"}, {"ready_twice", "1"}}).outcome,
      StartsWith("done generation=2"));
  EXPECT_EQ(server.hello(), "two");
  expect_next_upgrade_works(server, 2);
}

}  // namespace
}  // namespace relaunch::test
