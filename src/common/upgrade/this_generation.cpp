#include "common/upgrade/this_generation.hpp"

#include <exception>
#include <utility>

#include "common/os/connection.hpp"
#include "common/os/fault.hpp"

namespace relaunch {

struct Drain::Impl {
  std::chrono::steady_clock::time_point deadline;
  bool has_successor = false;
  handover::Give give;
};
Drain::Drain(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
std::chrono::steady_clock::time_point Drain::deadline() const {
  return impl_->deadline;
}

bool Drain::has_successor() const { return impl_->has_successor; }
void Drain::hand_over(std::string name, Connection connection,
                      OnHandedOver on_end) const {
  impl_->give(std::move(name), std::move(connection), std::move(on_end));
}

namespace upgrade {

namespace {

/// Comes back to whoever offers it, whatever becomes of the Upgrader.
struct Offer {
  Offer(std::string name_, Connection connection_,
        handover::OnHandedOver on_end_)
      : name(std::move(name_)),
        connection(std::move(connection_)),
        on_end(std::move(on_end_)) {}
  Offer(const Offer&) = delete;
  Offer& operator=(const Offer&) = delete;
  ~Offer() { refuse({errc::stopped, "the Upgrader is gone"}); }

  void refuse(Error error) {
    if (auto end = std::exchange(on_end, {})) {
      end(std::move(error), std::move(connection));
    }
  }

  std::string name;
  Connection connection;
  handover::OnHandedOver on_end;
};

Result<void> check_offer(const Offer& offer) {
  if (auto checked = protocol::check_name(offer.name); !checked) {
    return checked;
  }
  const std::size_t bytes =
      offer.connection.state.size() + offer.connection.unread.size();
  if (bytes > protocol::kMaxConnectionBytes) {
    return Error{
        errc::invalid_argument,
        text::cat("cannot hand a connection over with ", bytes,
                  " bytes, the limit is ", protocol::kMaxConnectionBytes)};
  }
  return os::check_connected(offer.connection.socket());
}

}  // namespace

ThisGeneration::ThisGeneration(Context& context)
    : context_(context),
      listeners_([mailbox = context.mailbox](std::function<void()> work) {
        mailbox->post(std::move(work));
      }) {}

void ThisGeneration::set_on_take(std::function<void()> callback) {
  const std::lock_guard lock{mutex_};
  callbacks_.take = std::move(callback);
}
void ThisGeneration::set_on_yield(std::function<void()> callback) {
  const std::lock_guard lock{mutex_};
  callbacks_.yield = std::move(callback);
}
void ThisGeneration::set_on_drain(std::function<void(Drain)> callback) {
  const std::lock_guard lock{mutex_};
  callbacks_.drain = std::move(callback);
  if (!told_ || !callbacks_.drain) return;
  // It leaves already: whoever comes late is told at once.
  context_.mailbox->post([this, late = callbacks_.drain, told = *told_] {
    call(
        "on_drain", [late, told] { late(told); }, [] {});
  });
}
void ThisGeneration::set_on_health(std::function<bool()> callback) {
  const std::lock_guard lock{mutex_};
  callbacks_.health = std::move(callback);
}

ThisGeneration::Callbacks ThisGeneration::callbacks() const {
  const std::lock_guard lock{mutex_};
  return callbacks_;
}

void ThisGeneration::accept(Done done) {
  if (leaving_) return;  // the turn is of no use to it any more
  enqueue([this, done = std::move(done)](Done next) {
    call("on_take", callbacks().take, [this, done, next] {
      listeners_.resume();
      if (done) done();
      next();
    });
  });
}

void ThisGeneration::yield(std::set<std::string> except, Done done) {
  enqueue(
      [this, except = std::move(except), done = std::move(done)](Done next) {
        listeners_.pause(except, [this, done, next] {
          call("on_yield", callbacks().yield, [done, next] {
            if (done) done();
            next();
          });
        });
      });
}

void ThisGeneration::ask_health(std::function<void(bool)> answer) {
  auto healthy = std::make_shared<bool>(true);
  auto ask = [healthy, callback = callbacks().health] {
    if (!callback) return;
    *healthy = false;  // an exception is no good answer
    *healthy = callback();
  };
  // Without a callback this still shows that the application's executor runs.
  call("on_health", std::move(ask),
       [healthy, answer = std::move(answer)] { answer(*healthy); });
}

void ThisGeneration::leave(std::chrono::milliseconds drain,
                           handover::ListenerSet::IsLast is_last) {
  if (std::exchange(leaving_, true)) return;
  os::set_fault_role("leaving");
  if (context_.on_leave) context_.on_leave();
  const auto deadline = std::chrono::steady_clock::now() + drain;
  enqueue([this, deadline, is_last = std::move(is_last)](Done next) {
    listeners_.close(is_last, [this, deadline, next] {
      const bool has_successor = giving_ && !giving_->link.lost();
      const Drain told{std::make_shared<Drain::Impl>(
          Drain::Impl{deadline, has_successor, make_give()})};
      std::function<void(Drain)> callback;
      {
        const std::lock_guard lock{mutex_};
        told_ = told;
        callback = callbacks_.drain;
      }
      if (!callback) return next();
      call(
          "on_drain", [callback, told] { callback(told); }, next);
    });
  });
}

// what lives behind the listeners --------------------------------------------

Result<void> ThisGeneration::set_on_connection(
    const std::string& name, handover::ConnectionTakers::Take take,
    std::size_t limit) {
  return takers_.add(name, std::move(take), limit);
}

void ThisGeneration::give_to(os::Handle end,
                             std::shared_ptr<os::Process> successor) {
  giving_ = std::make_unique<Giving>(context_.io, std::move(end),
                                     std::move(successor));
  giving_->link.start(
      [this](const protocol::Message& message, std::vector<os::Incoming>) {
        on_answer(message);
      },
      [this](const Error& error) {
        giving_->connections.lost(error);
        // Not from within its own callback; its handles must not stay.
        context_.mailbox->post([lost = std::shared_ptr(std::move(giving_))] {});
      });
}

void ThisGeneration::on_answer(const protocol::Message& message) {
  const auto* taken = std::get_if<protocol::ConnectionsTaken>(&message);
  if (taken && giving_->connections.taken(*taken)) return;
  giving_->link.lose({errc::unexpected_message,
                      text::cat("the successor sent ", type_of(message))});
}

handover::Give ThisGeneration::make_give() {
  return [this, mailbox = context_.mailbox](std::string name,
                                            Connection connection,
                                            handover::OnHandedOver on_end) {
    mailbox->post(
        [this, offer = std::make_shared<Offer>(
                   std::move(name), std::move(connection), std::move(on_end))] {
          if (auto checked = check_offer(*offer); !checked) {
            return offer->refuse(checked.error());
          }
          if (!giving_ || giving_->link.lost()) {
            return offer->refuse({errc::handover_refused,
                                  "there is no successor to go on with it"});
          }
          giving_->connections.give(std::move(offer->name),
                                    std::move(offer->connection),
                                    std::exchange(offer->on_end, {}));
        });
  };
}

void ThisGeneration::take_from(os::Handle end,
                               std::shared_ptr<os::Process> incumbent) {
  taking_ = std::make_unique<handover::PeerLink>(context_.io, std::move(end),
                                                 std::move(incumbent));
  taking_->start(
      [this](const protocol::Message& message,
             std::vector<os::Incoming> handles) {
        on_gift(message, std::move(handles));
      },
      // What it has not said to be ours comes back to it.
      [this](const Error&) {
        context_.mailbox->post([lost = std::shared_ptr(std::move(taking_))] {});
      });
}

void ThisGeneration::on_gift(const protocol::Message& message,
                             std::vector<os::Incoming> handles) {
  const auto* connections = std::get_if<protocol::Connections>(&message);
  if (!connections) {
    return taking_->lose({errc::unexpected_message,
                          text::cat("the incumbent sent ", type_of(message))});
  }
  const auto find =
      [this](
          const std::string& name) -> Result<handover::ConnectionTakers::Take> {
    // One that may have to go again would take them with it.
    if (stays_ && !leaving_) return takers_.find(name);
    return Error{errc::handover_refused, "the successor does not stay"};
  };
  handover::take_connections(
      *taking_, find, *connections, std::move(handles),
      [this](const handover::ConnectionTakers::Take& take,
             Connection connection) {
        call(
            "on_connection",
            [take, taken = std::make_shared<Connection>(
                       std::move(connection))] { take(std::move(*taken)); },
            [] {});
      });
}

void ThisGeneration::enqueue(std::function<void(Done)> step) {
  steps_.push_back(std::move(step));
  if (!busy_) run_next();
}

void ThisGeneration::run_next() {
  busy_ = !steps_.empty();
  if (!busy_) return;
  auto step = std::move(steps_.front());
  steps_.pop_front();
  step([this] { run_next(); });
}

void ThisGeneration::call(const char* what, std::function<void()> callback,
                          Done done) {
  auto guarded = [log = context_.options.log, what,
                  callback = std::move(callback)] {
    if (!callback) return;
    try {
      callback();
    } catch (const std::exception& failure) {
      if (!log) return;
      log(LogLevel::error, text::cat(what, " threw: reason=\"",
                                     text::printable(failure.what()), '"'));
    }
  };
  if (!context_.options.executor) {
    guarded();
    return done();
  }
  context_.options.executor([guarded = std::move(guarded),
                             done = std::move(done),
                             mailbox = context_.mailbox] {
    guarded();
    mailbox->post(done);
  });
}

}  // namespace upgrade
}  // namespace relaunch
