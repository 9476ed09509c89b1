#include "common/handover/listeners.hpp"

#include <utility>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"

namespace relaunch {

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
const std::string& Listener::name() const { return impl_->name; }
const std::string& Listener::address() const { return impl_->actual; }
bool Listener::inherited() const { return impl_->inherited; }
native_socket Listener::native_handle() const { return impl_->socket.get(); }
void Listener::attach(AcceptHooks hooks) const {
  impl_->attach(std::move(hooks));
}

namespace handover {

namespace {

std::shared_ptr<Listener::Impl> make_listener(std::string_view name,
                                              const Address& asked,
                                              const Address& actual,
                                              os::Socket socket, bool inherited,
                                              std::string file) {
  auto listener =
      std::make_shared<Listener::Impl>(Listener::Impl{std::string{name},
                                                      asked,
                                                      actual.text(),
                                                      inherited,
                                                      std::move(socket),
                                                      {}});
  listener->file = std::move(file);
  return listener;
}

/// "DEVICE.INODE". It goes into the names under which listeners are stored,
/// so that nothing else may be in it.
Result<void> check_file(std::string_view file) {
  const std::size_t dot = file.find('.');
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.size() <= 20 &&
           text.find_first_not_of("0123456789") == text.npos;
  };
  if (file.empty() || (dot != file.npos && is_number(file.substr(0, dot)) &&
                       is_number(file.substr(dot + 1)))) {
    return {};
  }
  return Error{errc::malformed_frame, text::cat("a listener's file is named '",
                                                text::printable(file), '\'')};
}

void remove_file(const Listener::Impl& listener) {
  os::remove_listener_file(listener.asked, listener.file);
}

}  // namespace

Result<void> ListenerSet::adopt(const protocol::ListenerItem& item,
                                os::Socket socket) {
  if (auto checked = protocol::check_name(item.name); !checked) {
    return checked.error();
  }
  if (auto checked = check_file(item.file); !checked) return checked;
  auto asked = Address::parse(item.address);
  if (!asked) return asked.error();
  const auto actual = os::check_listener(socket.get(), *asked);
  if (!actual) return actual.error();
  auto listener = make_listener(item.name, *asked, *actual, std::move(socket),
                                true, item.file);
  listener->fixed = item.fixed;
  const std::lock_guard lock{mutex_};
  const std::size_t before = inherited_.size();
  // They come in the order of their names.
  inherited_.emplace_hint(inherited_.end(), item.name, std::move(listener));
  if (inherited_.size() == before) {
    return Error{errc::handover_refused,
                 text::cat("listener '", item.name, "' came twice")};
  }
  return {};
}

Result<std::shared_ptr<Listener::Impl>> ListenerSet::claim(
    std::string_view name, std::string_view address) {
  if (auto checked = protocol::check_name(name); !checked) {
    return checked.error();
  }
  auto asked = Address::parse(address);
  if (!asked) return asked.error();
  if (auto started = os::start_sockets(); !started) return started.error();

  const std::lock_guard lock{mutex_};
  const std::string key{name};
  if (closed_) {
    return Error{errc::stopped, text::cat("cannot listen as '", key,
                                          "': this generation leaves")};
  }
  if (slots_.contains(key)) {
    return Error{errc::invalid_argument,
                 text::cat("listener '", key, "' is asked for twice")};
  }
  std::shared_ptr<Listener::Impl> listener;
  const auto found = inherited_.find(key);
  if (found != inherited_.end() &&
      (found->second->fixed || found->second->asked == *asked)) {
    listener = std::move(found->second);
    inherited_.erase(found);
  } else {
    std::string file;
    auto socket = os::open_listener(*asked, &file);
    if (!socket) return socket.error();
    const auto actual = os::local_address(socket->get());
    if (!actual) {
      os::remove_listener_file(*asked, file);
      return actual.error();
    }
    listener = make_listener(name, *asked, *actual, std::move(*socket), false,
                             std::move(file));
  }
  listener->attach = [this, key](AcceptHooks hooks) {
    attach(key, std::move(hooks));
  };
  slots_[key].listener = listener;
  return listener;
}

void ListenerSet::attach(const std::string& name, AcceptHooks hooks) {
  const std::lock_guard lock{mutex_};
  Slot& slot = slots_.at(name);
  if (std::exchange(slot.attached, true)) {
    throw Error{errc::invalid_argument,
                text::cat("listener '", name, "' has its hooks already")};
  }
  slot.hooks = std::move(hooks);
  if (closed_) return post_([close = slot.hooks.close] { close([] {}); });
  if (accepting_) post_([this] { resume_latecomers(); });
}

void ListenerSet::resume_latecomers() {
  {
    const std::lock_guard lock{mutex_};
    if (!accepting_ || closed_) return;  // paused or closed meanwhile
  }
  resume();
}

std::vector<std::string> ListenerSet::unclaimed() const {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> names;
  for (const auto& [name, listener] : inherited_) names.push_back(name);
  return names;
}

void ListenerSet::close_unclaimed() {
  const std::lock_guard lock{mutex_};
  inherited_.clear();
}

std::vector<ListenerSet::Entry> ListenerSet::entries() const {
  const std::lock_guard lock{mutex_};
  std::vector<Entry> entries;
  for (const auto& [name, slot] : slots_) {
    if (!slot.listener->socket) continue;
    entries.push_back(Entry{
        {name, 0, slot.listener->asked.text(), false, slot.listener->file},
        slot.listener->socket.get()});
  }
  return entries;
}

std::vector<ListenerSet::Entry> ListenerSet::opened() const {
  std::vector<Entry> opened = entries();
  const std::lock_guard lock{mutex_};
  std::erase_if(opened, [this](const Entry& entry) {
    return slots_.at(entry.item.name).listener->inherited;
  });
  return opened;
}

Result<void> ListenerSet::keep(OpenedListener opened) {
  {
    const std::lock_guard lock{mutex_};
    inherited_.erase(opened.item.name);
  }
  if (auto adopted = adopt(opened.item, std::move(opened.socket)); !adopted) {
    return adopted;
  }
  drop_unless(opened.item.name, opened.item.file);
  auto claimed = claim(opened.item.name, opened.item.address);
  return claimed ? Result<void>{} : claimed.error();
}

void ListenerSet::drop(const std::string& name) { drop_unless(name, {}); }

void ListenerSet::drop_unless(const std::string& name,
                              const std::string& file) {
  const std::lock_guard lock{mutex_};
  const auto found = slots_.find(name);
  if (found == slots_.end()) return;
  if (found->second.listener->file != file)
    remove_file(*found->second.listener);
  slots_.erase(found);
}

void ListenerSet::remove_files(const IsLast& is_last) const {
  const std::lock_guard lock{mutex_};
  for (const auto& [name, slot] : slots_) {
    if (is_last(*slot.listener)) remove_file(*slot.listener);
  }
  for (const auto& [name, listener] : inherited_) {
    if (is_last(*listener)) remove_file(*listener);
  }
}

void ListenerSet::resume() {
  std::vector<std::function<void()>> hooks;
  {
    const std::lock_guard lock{mutex_};
    accepting_ = true;
    for (auto& [name, slot] : slots_) {
      if (!slot.attached || std::exchange(slot.accepting, true)) continue;
      hooks.push_back(slot.hooks.resume);
    }
  }
  for (const auto& hook : hooks) hook();
}

void ListenerSet::pause(const std::set<std::string>& except, Done done) {
  std::vector<std::function<void(Done)>> hooks;
  {
    const std::lock_guard lock{mutex_};
    accepting_ = false;
    for (auto& [name, slot] : slots_) {
      if (except.contains(name)) continue;
      if (std::exchange(slot.accepting, false)) {
        hooks.push_back(slot.hooks.pause);
      }
    }
  }
  for_each_hook(hooks, std::move(done));
}

std::vector<OpenedListener> ListenerSet::release() {
  std::vector<OpenedListener> released;
  for (const auto& entry : entries()) {
    const std::lock_guard lock{mutex_};
    auto slot = slots_.extract(entry.item.name);
    released.push_back({entry.item, std::move(slot.mapped().listener->socket)});
  }
  return released;
}

void ListenerSet::close(const IsLast& is_last, Done done) {
  remove_files(is_last);
  pause({}, [this, done = std::move(done)] {
    std::vector<std::function<void(Done)>> hooks;
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
      for (auto& [name, slot] : slots_) {
        if (slot.attached) hooks.push_back(slot.hooks.close);
      }
    }
    for_each_hook(hooks, [this, done] {
      {
        const std::lock_guard lock{mutex_};
        inherited_.clear();
        for (auto& [name, slot] : slots_) slot.listener->socket.reset();
      }
      done();
    });
  });
}

void ListenerSet::for_each_hook(
    const std::vector<std::function<void(Done)>>& hooks, Done done) {
  if (hooks.empty()) return done();
  // Counted on the library's thread: a hook may finish on any other.
  auto left = std::make_shared<std::size_t>(hooks.size());
  for (const auto& hook : hooks) {
    hook([post = post_, left, done] {
      post([left, done] {
        if (--*left == 0) done();
      });
    });
  }
}

}  // namespace handover
}  // namespace relaunch
