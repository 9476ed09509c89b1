// What lives behind the listeners of one generation, on its way: from the
// incumbent that it succeeds, and to its own successor.
//
// Before the commit only what can be taken back: copies of state, duplicates
// of files, each when the successor asks for it. Connections, and what has
// changed in a state, cross when the incumbent drains.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "common/handover/connection_giver.hpp"
#include "common/handover/connection_taker.hpp"
#include "common/handover/peer_link.hpp"
#include "common/handover/provisions.hpp"
#include "common/handover/state.hpp"
#include "common/handover/wants.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/deadline_timer.hpp"
#include "relaunch/file.hpp"

namespace relaunch::handover {

using OnDeltaTaken = std::function<void(std::optional<Error>)>;
using GiveDelta =
    std::function<void(std::string name, const StateOffer&, OnDeltaTaken)>;

/// Everything on the library's thread, where nothing else is said.
class Crossing {
 public:
  using Done = std::function<void()>;
  /// Runs a callback where the application runs, then `done` on the library's
  /// thread.
  using Call =
      std::function<void(const char* what, std::function<void()>, Done done)>;

  Crossing(upgrade::Context& context, Call call);
  ~Crossing();  ///< waits for states that are being written
  Crossing(const Crossing&) = delete;
  Crossing& operator=(const Crossing&) = delete;

  // What the application says; any thread.
  ConnectionTakers& connections() { return takers_; }
  Provisions& provisions() { return provisions_; }
  using Merge = std::function<void(State)>;
  /// errc::invalid_argument: malformed, or this name has one.
  Result<void> add_delta(const std::string& name, StateWish wish, Merge merge);

  // What it asks for while it prepares; blocks, so not on the library's thread.
  // Errors: see Wants::ask; what came is not what was announced or wished for.
  Result<State> pull_state(const std::string& name, const StateWish& wish);
  Result<File> pull_file(const std::string& name, FileKind kind,
                         FileAccess access);

  /// The link to the generation that succeeds this one, from now on.
  void give_to(os::Handle end, std::shared_ptr<os::Process> successor);
  /// The link to the generation that this one succeeds.
  void take_from(os::Handle end, std::shared_ptr<os::Process> incumbent);
  /// It is committed: what cannot be taken back may come.
  void stay() { stays_ = true; }
  /// Nothing more is taken or asked for, and no state is written any more.
  void leave();
  /// The successor has asked for what it needs: whoever still writes, writes
  /// for nobody.
  void stop_writing();
  /// The upgrade was taken back: nobody goes on with anything.
  void not_succeeded();
  /// When nobody is writing one who may have begun before, or it takes too
  /// long: the application may take down what is read for it.
  void when_written(Done done);
  /// Who was succeeded has ended before it could be asked.
  void nobody_to_ask(const Error& why) { wants_.lost(why); }

  bool has_successor() const { return giving_ && !giving_->link.lost(); }
  /// For whoever drains; any thread, also when this is gone.
  Give make_give();
  GiveDelta make_give_delta();

 private:
  struct Giving {
    Giving(boost::asio::io_context& io, os::Handle end,
           std::shared_ptr<os::Process> successor)
        : link(io, std::move(end), std::move(successor)),
          connections(io, link) {}
    ~Giving();

    PeerLink link;
    ConnectionGiver connections;
    std::map<std::uint32_t, OnDeltaTaken> deltas;
    std::set<std::string> writing;  ///< the states that are
    std::uint32_t last_delta = 0;
    /// Nobody waits for what is being written.
    std::shared_ptr<std::atomic<bool>> cancelled =
        std::make_shared<std::atomic<bool>>(false);
  };
  struct DeltaTaker {
    StateWish wish;
    Merge merge;
  };

  // The incumbent's part.
  void end_giving(const Error& error);
  void on_answer(const protocol::Message& message);
  void on_want(const protocol::WantState& want);
  void on_want(const protocol::WantFile& want);
  void run_writer(std::uint64_t id, const StateOffer& offer,
                  std::function<void()> work);
  void on_written(std::uint64_t id, const protocol::WantState& want,
                  const std::shared_ptr<std::atomic<bool>>& cancelled,
                  Result<WrittenState>& written);
  void all_written();
  void give_state(std::uint32_t number, Result<WrittenState> written);
  void give_delta(const std::string& name, Result<WrittenState> written,
                  OnDeltaTaken on_end);
  void refuse(std::uint32_t number, const Error& error);

  // The successor's part.
  void on_gift(const protocol::Message& message,
               std::vector<os::Incoming> handles);
  bool on_pulled(const protocol::Message& message,
                 std::vector<os::Incoming>& handles);
  void take(const protocol::Connections& connections,
            std::vector<os::Incoming> sockets);
  void take(const protocol::StateDelta& delta, os::Incoming memory);
  std::optional<DeltaTaker> find_delta(const std::string& name) const;

  upgrade::Context& context_;
  Call call_;
  ConnectionTakers takers_;
  Provisions provisions_;
  mutable std::mutex mutex_;
  std::map<std::string, DeltaTaker> delta_takers_;
  std::unique_ptr<Giving> giving_;
  std::unique_ptr<PeerLink> taking_;
  Wants wants_;
  std::map<std::uint64_t, std::future<void>> writers_;  ///< with a thread
  std::uint64_t last_writer_ = 0;
  std::size_t writing_ = 0;  ///< with a thread or without
  Done on_all_written_;
  upgrade::DeadlineTimer patience_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool stays_ = false;
  bool leaving_ = false;
};

}  // namespace relaunch::handover
