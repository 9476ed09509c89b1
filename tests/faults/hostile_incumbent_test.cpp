// An incumbent that breaks the rules of the channel at any moment: the
// successor gives up and ends, and takes no turn that it was not given.
#include <boost/asio/io_context.hpp>
#include <deque>

#include "common/base/address.hpp"
#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "common/os/system.hpp"
#include "common/upgrade/context.hpp"
#include "faults/fault_fixture.hpp"
#include "faults/fault_rows.hpp"
#include "programs/hostile.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {
namespace {

using protocol::Message;

struct Row {
  std::string moment;
  std::string kind;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.kind << " for " << row.moment;
}

std::vector<Row> rows() {
  std::vector<Row> all;
  for (const char* moment :
       {"welcome", "listeners", "health", "turn", "commit"}) {
    for (const char* kind : {"garbage", "version", "oversized", "truncated",
                             "nonsense", "unexpected"}) {
      all.push_back({moment, kind});
    }
  }
  return all;
}

/// This test, in the place of an incumbent.
class HostileIncumbent : public testing::TestWithParam<Row> {
 protected:
  HostileIncumbent() {
    os::start_sockets().value();
    listener_ = os::open_listener(Address::parse(kAddress).value()).value();
    auto pair = os::make_channel_pair().value();
    raw_ = pair.ours.get();
    start_successor(pair.theirs.get());
    successor_ = os::open_process(process_->processes().front()).value();
    channel_ = std::make_unique<os::Channel>(io_, std::move(pair.ours));
    channel_->set_receiver(successor_);
    channel_->start(
        [this](const os::Received& received) {
          heard_.push_back(protocol::from_frame(received.frame).value());
        },
        [](const Error&) {});
  }

  void start_successor(native_handle channel) {
    os::LaunchRequest request;
    request.executable = TEST_SERVER;
    request.arguments = {TEST_SERVER,
                         "state=" + text::utf8(scratch_ / "state"),
                         "artifact=" + text::utf8(scratch_ / "none"),
                         std::string("listen=") + kAddress,
                         "drain=500",
                         "hello=20000"};
    request.folder = scratch_.path();
    request.environment = os::own_environment();
    request.environment.push_back(
        text::cat(upgrade::kIncumbentVariable, '=', os::own_process_id()));
    request.handles = {{std::string(upgrade::kChannelVariable), channel}};
    process_ = std::make_unique<ServerProcess>(std::move(request));
  }

  /// False: it has misbehaved instead, and all is said.
  bool say(const std::string& moment, const Message& message,
           std::vector<os::Outgoing> handles = {}) {
    if (moment == GetParam().moment) {
      misbehave(GetParam().kind, raw_, channel_, message);
      return false;
    }
    channel_->send(protocol::to_frame(message), std::move(handles));
    return true;
  }
  template <typename Wanted>
  bool hear() {
    const auto until = std::chrono::steady_clock::now() + kStepDeadline;
    while (std::chrono::steady_clock::now() < until) {
      while (!heard_.empty()) {
        const Message message = std::move(heard_.front());
        heard_.pop_front();
        if (std::get_if<Wanted>(&message)) return true;
      }
      io_.run_one_for(std::chrono::milliseconds{100});
    }
    ADD_FAILURE() << "not heard:\n" << process_->output();
    return false;
  }

  void speak() {
    using namespace protocol;
    const auto own = os::own_process_handle().value();
    const ListenerItem item{"http", 0, kAddress};
    hear<Hello>() &&
        say("welcome", Welcome{kMaxVersion, 1, os::own_process_id(), 2, ""},
            {os::SendHandle{own.get()}}) &&
        say("listeners", Listeners{0, true, {item}},
            {os::SendSocket{listener_.get()}}) &&
        hear<Ready>() && say("health", AskHealth{1}) && hear<Health>() &&
        say("turn", Turn{}) && hear<Serving>() && say("commit", Commit{1, 1});
  }

  static constexpr char kAddress[] = "tcp://127.0.0.1:0";
  ScratchFolder scratch_;
  os::Socket listener_;
  boost::asio::io_context io_{1};
  native_handle raw_ = kNoHandle;
  std::unique_ptr<ServerProcess> process_;
  os::Process successor_;
  std::unique_ptr<os::Channel> channel_;
  std::deque<Message> heard_;
};

TEST_P(HostileIncumbent, MakesTheSuccessorEndByItself) {
  speak();
  const auto until = std::chrono::steady_clock::now() + kStepDeadline;
  while (!successor_.gone() && std::chrono::steady_clock::now() < until) {
    io_.run_one_for(std::chrono::milliseconds{50});
    if (io_.stopped()) successor_.gone(std::chrono::milliseconds{50});
  }
  EXPECT_TRUE(successor_.gone()) << process_->output();
  const bool had_turn = GetParam().moment == "commit";
  EXPECT_TRUE(process_->wait_for_line(
      had_turn ? "draining" : "cannot become a generation", kStepDeadline))
      << process_->output();
  EXPECT_EQ(process_->output().find("took the turn") != std::string::npos,
            had_turn)
      << process_->output();
}

INSTANTIATE_TEST_SUITE_P(Each, HostileIncumbent,
                         testing::ValuesIn(sample(rows(), 5)), row_name<Row>);

}  // namespace
}  // namespace relaunch::test
