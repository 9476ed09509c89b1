#include "common/upgrade/this_generation.hpp"

#include <exception>
#include <utility>

#include "common/os/fault.hpp"

namespace relaunch {

struct Drain::Impl {
  std::chrono::steady_clock::time_point deadline;
  bool has_successor = false;
  handover::Give give;
  handover::GiveDelta give_delta;
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

void Drain::hand_over_delta(std::string name, const StateOffer& delta,
                            OnDeltaTaken on_end) const {
  impl_->give_delta(std::move(name), delta, std::move(on_end));
}

namespace upgrade {

ThisGeneration::ThisGeneration(Context& context)
    : context_(context),
      listeners_([mailbox = context.mailbox](std::function<void()> work) {
        mailbox->post(std::move(work));
      }),
      crossing_(context, [this](const char* what,
                                std::function<void()> callback, Done done) {
        call(what, std::move(callback), std::move(done));
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
  // It must not keep the application from stopping.
  crossing_.stop_writing();
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
  crossing_.leave();
  const auto deadline = std::chrono::steady_clock::now() + drain;
  enqueue([this, deadline, is_last = std::move(is_last)](Done next) {
    listeners_.close(is_last, [this, deadline, next] {
      crossing_.when_written(
          [this, deadline, next] { tell_drain(deadline, next); });
    });
  });
}

void ThisGeneration::tell_drain(std::chrono::steady_clock::time_point deadline,
                                Done next) {
  const Drain told{std::make_shared<Drain::Impl>(
      Drain::Impl{deadline, crossing_.has_successor(), crossing_.make_give(),
                  crossing_.make_give_delta()})};
  std::function<void(Drain)> callback;
  {
    const std::lock_guard lock{mutex_};
    told_ = told;
    callback = callbacks_.drain;
  }
  if (!callback) return next();
  call(
      "on_drain", [callback, told] { callback(told); }, next);
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
    } catch (...) {
      if (!log) return;
      log(LogLevel::error,
          text::cat(what, " threw no exception of the standard library"));
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
