// The messages that frames carry between two generations.
// Grammar, legal order and version history: docs/protocol.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.hpp"
#include "common/protocol/frame.hpp"

namespace relaunch::protocol {

/// What this build speaks. The older release must be able to take over from
/// the newer one too, so a range is offered and the highest common one used.
inline constexpr std::uint16_t kMinVersion = 1;
inline constexpr std::uint16_t kMaxVersion = 1;

// Successor to incumbent -----------------------------------------------------

/// The first message on a channel.
struct Hello {
  std::uint16_t min_version = kMinVersion;
  std::uint16_t max_version = kMaxVersion;
  std::uint32_t pid = 0;
  bool operator==(const Hello&) const = default;
};
/// One batch of Listeners has been taken over.
struct Adopted {
  std::uint32_t batch = 0;
  bool operator==(const Adopted&) const = default;
};
/// The successor gives up and says why; it ends itself.
struct Failed {
  std::string reason;
  bool operator==(const Failed&) const = default;
};
/// It has initialised.
struct Ready {
  std::vector<std::string> unclaimed;  ///< listeners that nobody asked for
  bool operator==(const Ready&) const = default;
};
struct ExtendReady {
  std::uint32_t milliseconds = 0;
  bool operator==(const ExtendReady&) const = default;
};
struct Health {
  std::uint32_t question = 0;
  bool healthy = false;
  bool operator==(const Health&) const = default;
};
/// It has the turn and accepts.
struct Serving {
  bool operator==(const Serving&) const = default;
};
/// The operator asked the successor to stop, before its commit.
struct StopRequested {
  bool operator==(const StopRequested&) const = default;
};
/// Whoever asked the successor wants the upgrade taken back.
struct AbortRequested {
  bool operator==(const AbortRequested&) const = default;
};
/// Commit now: somebody asks for the next upgrade already.
struct EndProbation {
  bool operator==(const EndProbation&) const = default;
};
/// It has taken over: the next request is its own.
struct Committed {
  bool operator==(const Committed&) const = default;
};
/// After the commit: the drain deadline has passed, leave now.
struct Leave {
  bool operator==(const Leave&) const = default;
};

// Generation to supervisor
// -----------------------------------------------------

/// Build and relaunch: whoever reached this generation asks for it.
struct UpgradeRequested {
  std::uint32_t number = 0;  ///< of the answers to it
  bool skip_build = false;
  bool force = false;
  bool end_probation = false;
  bool operator==(const UpgradeRequested&) const = default;
};

// Incumbent to successor -----------------------------------------------------

/// An older generation that still drains, and how long it may.
struct LeavingItem {
  std::uint32_t generation = 0;
  std::uint32_t pid = 0;
  std::uint32_t drain_milliseconds = 0;  ///< from now
  std::uint32_t grace_milliseconds = 0;
  bool operator==(const LeavingItem&) const = default;
};
/// So many may be leaving at one time.
inline constexpr std::size_t kMaxLeaving = 64;

/// The answer to Hello. Handles: the incumbent's own process, then those that
/// are leaving, each with the right to wait for it and to end it.
struct Welcome {
  std::uint16_t version = kMaxVersion;
  std::uint32_t incumbent_generation = 0;
  std::uint32_t incumbent_pid = 0;
  std::uint32_t generation = 0;  ///< the successor's own
  std::string release;           ///< the successor's own
  std::vector<LeavingItem> leaving{};
  bool operator==(const Welcome&) const = default;
};
struct ListenerItem {
  std::string name;
  std::uint32_t shard = 0;
  std::string address;  ///< as it was asked for
  /// The supervisor's configuration says where: the successor gets it whatever
  /// address it asks for.
  bool fixed = false;
  /// Which file it is bound to (os::open_listener); empty: none, or another's.
  std::string file{};
  bool operator==(const ListenerItem&) const = default;
};
/// So many fit into one head, whatever their names are; more go in batches.
inline constexpr std::size_t kMaxListenersPerFrame = 64;

/// One handle (a socket) for each item, in order.
struct Listeners {
  std::uint32_t batch = 0;
  bool last = false;
  std::vector<ListenerItem> items;
  bool operator==(const Listeners&) const = default;
};
/// Generation to supervisor: listeners that it opened itself, one handle (a
/// socket) for each. What is given again later replaces what was.
struct Opened {
  std::vector<ListenerItem> items;
  bool operator==(const Opened&) const = default;
};
/// Generation to supervisor, first on a link of its own making: it has lost its
/// supervisor and looks for the next one.
struct Rejoin {
  std::uint32_t generation = 0;
  std::string release;
  bool committed = false;
  bool has_turn = false;
  std::uint32_t listeners = 0;  ///< so many follow, as `opened`
  bool operator==(const Rejoin&) const = default;
};
/// Its answer. Handle: the supervisor's own process.
struct Rejoined {
  std::uint32_t pid = 0;
  bool operator==(const Rejoined&) const = default;
};
struct AskHealth {
  std::uint32_t question = 0;
  bool operator==(const AskHealth&) const = default;
};
/// Pause and give the turn back; then finish what was taken, and end.
struct GiveBack {
  std::uint32_t drain_milliseconds = 0;
  bool operator==(const GiveBack&) const = default;
};
/// The successor stays and coordinates from here on.
struct Commit {
  std::uint32_t drain_milliseconds = 0;
  std::uint32_t grace_milliseconds = 0;
  bool operator==(const Commit&) const = default;
};

/// How an incumbent and its successor reach each other, whoever coordinates:
/// each gets one end of a fresh link. Handles: that end, and the other's
/// process.
struct Peer {
  std::uint32_t pid = 0;
  bool gives = false;  ///< the receiver is the incumbent of the two
  bool operator==(const Peer&) const = default;
};

// Supervisor to generation
// -----------------------------------------------------

/// Stop accepting and send the turn. Handle: the successor's process.
struct Pause {
  std::uint32_t successor_pid = 0;
  std::vector<std::string> except;  ///< listeners that it does not take
  bool operator==(const Pause&) const = default;
};
/// Finish what was accepted, and end.
struct DrainNow {
  std::uint32_t drain_milliseconds = 0;
  bool operator==(const DrainNow&) const = default;
};
/// A line that the build printed; it is the body.
struct UpgradeLine {
  std::uint32_t number = 0;
  std::string line;
  bool operator==(const UpgradeLine&) const = default;
};
struct PhaseItem {
  std::string phase;
  std::uint32_t microseconds = 0;
  bool operator==(const PhaseItem&) const = default;
};
/// How it ended. The output of the build is the body.
struct UpgradeEnded {
  std::uint32_t number = 0;
  std::string result;
  std::string phase;
  std::string category;
  std::uint32_t code = 0;
  std::string reason;
  std::uint32_t serving_generation = 0;
  std::uint32_t serving_pid = 0;
  std::string release;
  std::vector<PhaseItem> phases;
  std::string build_output;
  bool operator==(const UpgradeEnded&) const = default;
};
/// What the generation's own status says of upgrades.
struct Report {
  std::string phase;
  std::vector<PhaseItem> phases;
  std::string last_outcome;
  std::string last_departure;
  bool operator==(const Report&) const = default;
};

// Both ways ------------------------------------------------------------------

/// The right to accept. Whoever sends it has stopped accepting.
struct Turn {
  bool operator==(const Turn&) const = default;
};

// On the link between the two peers, while the successor prepares -------------

/// Successor to incumbent: give the state of this name.
struct WantState {
  std::uint32_t number = 0;  ///< of the answer to it
  std::string name;
  std::string schema;  ///< it can read this one, in these versions
  std::uint32_t min_version = 0;
  std::uint32_t max_version = 0;
  std::uint64_t limit = 0;  ///< and no more bytes than these
  bool operator==(const WantState&) const = default;
};
/// Incumbent to successor. Handle: the memory, which nobody writes to any more.
struct StateGiven {
  std::uint32_t number = 0;
  std::string schema;
  std::uint32_t version = 0;
  std::uint64_t bytes = 0;
  std::string checksum;  ///< XXH3, 64 bits, as 16 hex digits
  bool operator==(const StateGiven&) const = default;
};
/// Successor to incumbent: give the file or pipe of this name.
struct WantFile {
  std::uint32_t number = 0;
  std::string name;
  bool operator==(const WantFile&) const = default;
};
/// Incumbent to successor. Handle: the file.
struct FileGiven {
  std::uint32_t number = 0;
  std::string kind;    ///< "file", "pipe"
  std::string access;  ///< "read", "write", "read_write"
  bool operator==(const FileGiven&) const = default;
};
/// Incumbent to successor: there is nothing, and why.
struct NotGiven {
  std::uint32_t number = 0;
  std::string reason;
  bool operator==(const NotGiven&) const = default;
};

// On the same link, in the incumbent's drain ----------------------------------

/// Incumbent to successor: what has changed in a state since it was given.
/// Handle: as of StateGiven.
struct StateDelta {
  std::uint32_t number = 0;  ///< of the answer to it
  std::string name;
  std::string schema;
  std::uint32_t version = 0;
  std::uint64_t bytes = 0;
  std::string checksum;
  bool operator==(const StateDelta&) const = default;
};
/// Successor to incumbent.
struct DeltaTaken {
  std::uint32_t number = 0;
  std::string refused;  ///< why not; empty: it is merged
  bool operator==(const DeltaTaken&) const = default;
};

/// A live connection. What it brings is in the message's `bytes`, item by item:
/// its state, then what was read of it and not consumed.
struct ConnectionItem {
  std::string name;
  std::uint32_t state_bytes = 0;
  std::uint32_t unread_bytes = 0;
  bool operator==(const ConnectionItem&) const = default;
};
inline constexpr std::size_t kMaxConnectionsPerFrame = 64;
/// Of one connection, its state and what was read together.
inline constexpr std::size_t kMaxConnectionBytes = 256 * 1024;

/// Incumbent to successor; one handle (a socket) for each item, in order.
struct Connections {
  std::uint32_t batch = 0;
  std::vector<ConnectionItem> items;
  std::string bytes;  ///< the body
  bool operator==(const Connections&) const = default;
};
struct RefusedItem {
  std::uint32_t index = 0;
  std::string reason;
  bool operator==(const RefusedItem&) const = default;
};
/// Successor to incumbent: all of the batch but these are its own now. It
/// touches none of them before this has been sent.
struct ConnectionsTaken {
  std::uint32_t batch = 0;
  std::vector<RefusedItem> refused;
  bool operator==(const ConnectionsTaken&) const = default;
};

using Message =
    std::variant<Hello, Adopted, Failed, Ready, ExtendReady, Health, Serving,
                 StopRequested, AbortRequested, EndProbation, Committed, Leave,
                 Welcome, Listeners, AskHealth, GiveBack, Commit, Turn, Opened,
                 UpgradeRequested, Pause, DrainNow, UpgradeLine, UpgradeEnded,
                 Report, Rejoin, Rejoined, Peer, Connections, ConnectionsTaken,
                 WantState, StateGiven, WantFile, FileGiven, NotGiven,
                 StateDelta, DeltaTaken>;

/// The value of the head's key "type": "hello", "ask_health", …
std::string_view type_of(const Message& message);

/// The channel counts the handles when it sends.
Frame to_frame(const Message& message);

/// Errors: errc::malformed_frame for a head that is no JSON object, nests or
/// is large beyond the limits, lacks a key or has one of another type or out
/// of range; for a wrong number of handles; errc::unexpected_message for an
/// unknown type. Names are checked by check_name. Unknown keys are ignored,
/// unless the head's key "critical" (an array of key names) names one:
/// errc::version_mismatch.
Result<Message> from_frame(const Frame& frame);

/// The highest version that both speak; errc::version_mismatch names both
/// ranges.
Result<std::uint16_t> choose_version(std::uint16_t their_min,
                                     std::uint16_t their_max);

/// Listener and other names: ASCII, 1 to 255 characters, no control character,
/// no ':'.
Result<void> check_name(std::string_view name);

}  // namespace relaunch::protocol
