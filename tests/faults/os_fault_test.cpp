// Each call of the system that an upgrade needs fails once.
#include "faults/fault_fixture.hpp"
#include "faults/fault_rows.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using testing::StartsWith;

/// It is armed.
enum class When { at_once, when_it_is_built, in_probation };

struct Row {
  std::string where;
  Lack lack = Lack::memory;
  std::string outcome;  ///< how it begins
  Recipe release{{"greeting", "two"}};
  When when = When::at_once;
};

const std::map<Lack, std::string> kLacks{
    {Lack::memory, "memory"}, {Lack::handles, "handles"},
    {Lack::room, "room"},     {Lack::disk, "disk"},
    {Lack::device, "device"}, {Lack::write_access, "write access"}};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.where << " lacks " << kLacks.at(row.lack)
             << (row.when == When::in_probation ? " in probation" : "")
             << (row.when == When::when_it_is_built ? " after the build" : "");
}

constexpr char kDone[] = "done generation=2";
constexpr char kInBuild[] = "failed in build: ";
constexpr char kInStage[] = "failed in stage: ";
constexpr char kInLaunch[] = "failed in launch: ";
constexpr char kInPrepare[] = "failed in prepare: ";
constexpr char kInCommit[] = "rolled back in commit: ";

Row row(const char* where, Lack lack, const char* outcome) {
  return {where, lack, outcome};
}
Row built(const char* where, Lack lack) {
  return {
      where, lack, kInLaunch, {{"greeting", "two"}}, When::when_it_is_built};
}
Row record(const char* where, Lack lack) {
  return {where, lack, kInCommit, {{"greeting", "two"}}, When::in_probation};
}

std::vector<Row> rows() {
  const Recipe opens{{"greeting", "two"},
                     {"listener.extra", "tcp://127.0.0.1:0"}};
  return {row("incumbent.output.open", Lack::handles, kInBuild),
          record("incumbent.file.write", Lack::disk),
          row("successor.process.open", Lack::memory, kInLaunch),
          row("incumbent.folder.make", Lack::write_access, kInStage),
          record("incumbent.file.sync", Lack::device),
          row("successor.process.watch", Lack::handles, kInLaunch),
          row("incumbent.file.copy", Lack::disk, kInStage),
          row("successor.handle.take", Lack::handles, kInPrepare),
          row("incumbent.file.sync", Lack::device, kInStage),
          row("incumbent.channel.receive", Lack::memory, kInLaunch),
          row("incumbent.channel.pair", Lack::handles, kInLaunch),
          row("incumbent.file.rename", Lack::write_access, kInStage),
          row("successor.channel.receive", Lack::memory, kInPrepare),
          row("incumbent.process.launch", Lack::memory, kInBuild),
          built("incumbent.process.launch", Lack::memory),
          row("incumbent.process.watch", Lack::handles, kInBuild),
          built("incumbent.process.watch", Lack::handles),
          row("incumbent.handle.give", Lack::handles, kInPrepare),
          row("incumbent.handle.give", Lack::room,
              waits_for_room() ? kDone : kInPrepare),
          row("incumbent.channel.send", Lack::room,
              waits_for_room() ? kDone : kInPrepare),
          row("successor.channel.send", Lack::room,
              waits_for_room() ? kDone : kInLaunch),
          {"successor.listener.open", Lack::handles, kInPrepare, opens}};
}

class OsFault : public testing::TestWithParam<Row> {};

TEST_P(OsFault, CostsAtMostTheUpgrade) {
  const Row& row = GetParam();
  const bool late = row.when == When::in_probation;
  const std::map<std::string, std::string> settings{
      {"probation", late ? "1500" : "150"}};
  FaultyUpgrade upgrade(settings);
  const auto arm = [&] {
    upgrade.server().arm(row.where,
                         "error " + std::to_string(error_number(row.lack)));
  };
  if (row.when == When::at_once) arm();
  upgrade.begin(row.release, [&](std::string_view line) {
    if (row.when == When::when_it_is_built && line == "linked") arm();
  });
  if (late) {
    ASSERT_TRUE(upgrade.wait_for_successor());
    arm();
  }
  const UpdateAnswer answer = upgrade.answer();
  EXPECT_TRUE(upgrade.server().struck(row.where));
  EXPECT_THAT(answer.outcome, StartsWith(row.outcome))
      << upgrade.server().process().output();
  upgrade.expect_little_lost(false);
  if (row.outcome == kDone) {
    upgrade.expect_serves(2, "two");
    return upgrade.expect_next_works(2);
  }
  upgrade.expect_serves(1, "one");
  upgrade.expect_next_works(1);
}

INSTANTIATE_TEST_SUITE_P(Each, OsFault, testing::ValuesIn(sample(rows(), 3)),
                         row_name<Row>);

}  // namespace
}  // namespace relaunch::test
