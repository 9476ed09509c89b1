#include "common/upgrade/departure.hpp"

#include <gtest/gtest.h>

namespace relaunch::upgrade {
namespace {

using Action = Departure::Action;
using Event = Departure::Event;
using Actions = std::vector<Action>;

TEST(Departure, IsReportedWhenItLeavesByItself) {
  Departure machine;
  EXPECT_EQ(machine.on(Event::gone), Actions{Action::report});
  EXPECT_STREQ(machine.text(), "left");
  EXPECT_TRUE(machine.over());
}

TEST(Departure, IsAskedThenKilledThenListedAsStuck) {
  Departure machine;
  EXPECT_EQ(machine.on(Event::expired),
            (Actions{Action::ask, Action::arm_grace}));
  EXPECT_EQ(machine.on(Event::expired),
            (Actions{Action::kill, Action::arm_grace}));
  EXPECT_FALSE(machine.over());
  EXPECT_EQ(machine.on(Event::expired), Actions{Action::report});
  EXPECT_STREQ(machine.text(), "does not end although it was killed");
}

TEST(Departure, TellsHowFarItHadToBePushed) {
  Departure asked;
  asked.on(Event::expired);
  asked.on(Event::gone);
  EXPECT_STREQ(asked.text(), "left when it was asked at its drain deadline");
  Departure killed;
  killed.on(Event::expired);
  killed.on(Event::expired);
  killed.on(Event::gone);
  EXPECT_STREQ(killed.text(), "was killed after its drain deadline");
}

TEST(Departure, AfterItsEndNothingHappens) {
  Departure machine;
  machine.on(Event::gone);
  EXPECT_TRUE(machine.on(Event::expired).empty());
  EXPECT_TRUE(machine.on(Event::gone).empty());
}

}  // namespace
}  // namespace relaunch::upgrade
