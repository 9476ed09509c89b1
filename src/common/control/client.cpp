#include "common/control/client.hpp"

#include <boost/asio/io_context.hpp>
#include <optional>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/endpoint.hpp"

namespace relaunch::control {

namespace {

/// While all ends of a coordinator are taken.
constexpr std::chrono::milliseconds kPatience{2'000};

}  // namespace

Result<Answer> call(const std::string& address, const Request& request,
                    std::chrono::milliseconds deadline,
                    const std::function<void(const Answer&)>& on_answer) {
  boost::asio::io_context io{1};
  auto channel =
      os::connect_endpoint(io, address, std::min(kPatience, deadline));
  if (!channel) return channel.error();
  std::optional<Result<Answer>> last;
  (*channel)->start(
      [&](const os::Received& received) {
        if (last) return;
        auto answer = answer_from(received.frame);
        if (!answer) {
          last = answer.error();
        } else if (answer->is_last()) {
          last = std::move(*answer);
        } else if (on_answer) {
          on_answer(*answer);
        }
        if (last) io.stop();
      },
      [&](const Error& error) {
        if (!last) last = error;
        io.stop();
      });
  (*channel)->send(to_frame(request));
  io.run_for(deadline);
  channel->reset();
  if (last) return *last;
  return Error{std::make_error_code(std::errc::timed_out),
               text::cat("no answer from '", text::printable(address),
                         "' within ", deadline.count(), " ms")};
}

}  // namespace relaunch::control
