#include "common/supervisor/service_link.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/system.hpp"

namespace relaunch::supervisor {

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

ServiceLink::ServiceLink(boost::asio::io_context& io, os::Handle end,
                         Orders orders)
    : channel_(io, std::move(end)), orders_(std::move(orders)) {
  channel_.start(
      [this](const os::Received& received) {
        for (const auto order :
             {os::ServiceOrder::stop, os::ServiceOrder::reload,
              os::ServiceOrder::upgrade}) {
          if (received.frame.head == word_of(order))
            return orders_.order(order);
        }
      },
      [this](const Error&) { orders_.host_gone(); });
}

void ServiceLink::say_serving() {
  if (std::exchange(said_, true)) return;
  channel_.send({std::string{kServingWord}, {}, {}, 0});
}

}  // namespace relaunch::supervisor
