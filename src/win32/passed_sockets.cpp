#include "common/os/passed_sockets.hpp"

#include <charconv>
#include <cstdint>
#include <utility>
#include <variant>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "win32/kept_sockets.hpp"
#include "win32/passing.hpp"
#include "win32/transfer.hpp"

namespace relaunch::os {

namespace {

std::vector<PassedSocket> kept;

}  // namespace

void win32::keep_passed_sockets(std::vector<PassedSocket> sockets) {
  kept = std::move(sockets);
}

Result<std::vector<PassedSocket>> take_passed_sockets() {
  auto passed = std::exchange(kept, {});
  const auto number = environment_variable(win32::kPassedSockets);
  unset_environment_variable(win32::kPassedSockets);
  std::uintptr_t value = 0;
  if (!number ||
      std::from_chars(number->data(), number->data() + number->size(), value)
              .ec != std::errc{}) {
    return passed;
  }
  auto written = win32::read_passed(handle_from_number(value));
  if (!written) return written.error();
  const Handle section{handle_from_number(value)};  // it is one
  auto sockets = win32::adopt(written->handles, written->names.size());
  if (!sockets) return sockets.error();
  for (std::size_t i = 0; i != sockets->size(); ++i) {
    auto* const socket = std::get_if<Socket>(&(*sockets)[i]);
    if (!socket) continue;
    passed.push_back({std::move(written->names[i]), std::move(*socket)});
  }
  return passed;
}

std::uint64_t identity_of(native_socket socket) { return socket; }

}  // namespace relaunch::os
