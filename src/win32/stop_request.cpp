#include "common/os/stop_request.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/windows/object_handle.hpp>
#include <mutex>
#include <vector>

#include "common/os/system.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

struct StopRequests::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& context, Handle stop_event,
       std::function<void()> callback)
      : io(context),
        event(context, stop_event.get()),
        on_stop(std::move(callback)) {
    stop_event.release();
  }

  void wait();

  boost::asio::io_context& io;
  boost::asio::windows::object_handle event;
  std::function<void()> on_stop;
  bool destroyed = false;
};

namespace {

// Console control events come once per process, on a thread of the system, and
// the named event wakes one of those who wait: both are passed on to all.
class Hub {
 public:
  static Hub& get() {
    // Never destroyed: the system may call the handler until the very end.
    static Hub* const hub = new Hub;
    return *hub;
  }

  void add(const void* who, std::function<void()> post) {
    const std::lock_guard lock{mutex_};
    watchers_.push_back({who, std::move(post)});
  }

  void remove(const void* who) {
    const std::lock_guard lock{mutex_};
    const auto mine = [who](const Watcher& each) { return each.who == who; };
    watchers_.erase(std::remove_if(watchers_.begin(), watchers_.end(), mine),
                    watchers_.end());
  }

  /// False if nobody wants to know.
  bool tell_all() {
    // Under the lock: after remove() the io_context may be gone.
    const std::lock_guard lock{mutex_};
    for (const Watcher& each : watchers_) each.post();
    return !watchers_.empty();
  }

 private:
  struct Watcher {
    const void* who;
    std::function<void()> post;
  };

  // The handler stays for good and passes when nobody wants to know: the system
  // calls it under the lock that removing it needs, and it may not return. So
  // the module that it is in must stay too.
  Hub() {
    HMODULE module = nullptr;
    GetModuleHandleExW(
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
        reinterpret_cast<const wchar_t*>(&on_console), &module);
    SetConsoleCtrlHandler(&on_console, TRUE);
  }

  // https://learn.microsoft.com/windows/console/handlerroutine
  static BOOL WINAPI on_console(DWORD event) {
    // A service sees every user's log-off: none of them concerns it.
    if (event == CTRL_LOGOFF_EVENT) return TRUE;
    if (!get().tell_all()) return FALSE;
    if (event == CTRL_CLOSE_EVENT || event == CTRL_SHUTDOWN_EVENT) {
      // The process is ended when this returns, or by the system after some
      // seconds; whoever drains leaves earlier by returning from main.
      Sleep(INFINITE);
    }
    return TRUE;
  }

  std::mutex mutex_;
  std::vector<Watcher> watchers_;
};

}  // namespace

void StopRequests::Impl::wait() {
  event.async_wait(
      [self = shared_from_this()](const boost::system::error_code& error) {
        if (error) return;
        // Also when this one was destroyed meanwhile: the others have not seen
        // it.
        Hub::get().tell_all();
        if (!self->destroyed) self->wait();
      });
}

StopRequests::StopRequests(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

Result<StopRequests> StopRequests::watch(boost::asio::io_context& io,
                                         std::function<void()> on_stop) {
  // Auto-reset; the default rights let only this user and the system set it.
  // Several in this process share it, as others that open the name do.
  Handle event = win32::own(CreateEventW(
      nullptr, FALSE, FALSE, win32::stop_event_name(own_process_id()).c_str()));
  if (!event) {
    return win32::failure("cannot take stop requests: CreateEventW");
  }
  std::shared_ptr<Impl> impl;
  try {
    impl = std::make_shared<Impl>(io, std::move(event), std::move(on_stop));
  } catch (const boost::system::system_error& failure) {
    return Error{failure.code(), "cannot take stop requests"};
  }
  Hub::get().add(impl.get(), [weak = std::weak_ptr<Impl>{impl}] {
    const auto self = weak.lock();
    if (!self) return;
    boost::asio::post(self->io, [self] {
      if (!self->destroyed) self->on_stop();
    });
  });
  impl->wait();
  return StopRequests{std::move(impl)};
}

StopRequests::StopRequests(StopRequests&&) noexcept = default;

StopRequests& StopRequests::operator=(StopRequests&& other) noexcept {
  StopRequests taken{std::move(other)};  // what was held ends with it
  std::swap(impl_, taken.impl_);
  return *this;
}

StopRequests::~StopRequests() {
  if (!impl_) return;
  Hub::get().remove(impl_.get());
  impl_->destroyed = true;
  boost::system::error_code ignored;
  impl_->event.close(ignored);
}

}  // namespace relaunch::os
