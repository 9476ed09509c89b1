#include "common/supervisor/service_link.hpp"

#include <charconv>
#include <cstdint>
#include <utility>
#include <variant>

#include "common/base/text.hpp"
#include "common/os/system.hpp"

namespace relaunch::supervisor {

namespace {

constexpr std::string_view kHere = "\"here ";

os::Handle& kept() {
  static os::Handle back;
  return back;
}

}  // namespace

std::string here_word(os::ProcessId id) { return text::cat(kHere, id, '"'); }

std::optional<os::ProcessId> who_is_here(std::string_view word) {
  if (!word.starts_with(kHere) || !word.ends_with('"')) return std::nullopt;
  word.remove_prefix(kHere.size());
  os::ProcessId id = 0;
  const char* const end = word.data() + word.size() - 1;
  const auto [rest, failure] = std::from_chars(word.data(), end, id);
  if (failure != std::errc{} || rest != end) return std::nullopt;
  return id;
}

std::string_view word_of(os::ServiceOrder order) {
  switch (order) {
    case os::ServiceOrder::stop:
      return "\"stop\"";
    case os::ServiceOrder::reload:
      return "\"reload\"";
    default:
      return "\"upgrade\"";
  }
}

Result<std::unique_ptr<ServiceLink>> ServiceLink::find(
    boost::asio::io_context& io, Orders orders) {
  if (auto back = std::exchange(kept(), {})) {
    return std::make_unique<ServiceLink>(io, std::move(back),
                                         std::move(orders));
  }
  const auto number = os::environment_variable(kServiceVariable);
  if (!number) return std::unique_ptr<ServiceLink>{};
  os::unset_environment_variable(kServiceVariable);
  std::uintptr_t value = 0;
  std::from_chars(number->data(), number->data() + number->size(), value);
  const native_handle end = os::handle_from_number(value);
  // It may mean anything by now: it is believed only if it is a channel.
  if (auto maker = os::channel_maker(end); !maker) {
    return Error{maker.error().code(),
                 text::cat("cannot reach the service's host: ",
                           kServiceVariable, "=", text::printable(*number))};
  }
  os::keep_from_children(end);
  return std::make_unique<ServiceLink>(io, os::Handle{end}, std::move(orders));
}

void ServiceLink::keep(os::Handle back) { kept() = std::move(back); }

ServiceLink::ServiceLink(boost::asio::io_context& io, os::Handle end,
                         Orders orders)
    : channel_(io, std::move(end)), orders_(std::move(orders)), deadline_(io) {
  channel_.start([this](os::Received received) { hear(std::move(received)); },
                 [this](const Error&) { orders_.host_gone(); });
  channel_.send({here_word(os::own_process_id()), {}, {}, 0});
}

void ServiceLink::hear(os::Received received) {
  for (const auto order : {os::ServiceOrder::stop, os::ServiceOrder::reload,
                           os::ServiceOrder::upgrade}) {
    if (received.frame.head == word_of(order)) return orders_.order(order);
  }
  if (received.frame.head != kLinksWord || received.handles.size() != 2) return;
  auto* const next = std::get_if<os::Handle>(&received.handles[0]);
  auto* const back = std::get_if<os::Handle>(&received.handles[1]);
  if (next && back) answer(Links{std::move(*next), std::move(*back)});
}

void ServiceLink::ask_for_links(OnLinks done) {
  on_links_ = std::move(done);
  deadline_.arm(kLinksDeadline, [this] {
    answer(Error{errc::not_permitted,
                 "cannot replace the supervisor: the service's host does not "
                 "follow to another one, stop and start the service"});
  });
  channel_.send({std::string{kLinksWord}, {}, {}, 0});
}

void ServiceLink::answer(Result<Links> links) {
  deadline_.disarm();
  if (const auto done = std::exchange(on_links_, {})) done(std::move(links));
}

void ServiceLink::say_serving() {
  if (std::exchange(said_, true)) return;
  channel_.send({std::string{kServingWord}, {}, {}, 0});
}

}  // namespace relaunch::supervisor
