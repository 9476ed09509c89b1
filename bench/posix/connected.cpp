#include "connected.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>

#include "common/os/listener.hpp"
#include "common/os/system.hpp"
#include "raw_handover.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"

namespace relaunch::bench {

Child::Child(const char* name, const std::vector<std::string>& args) {
  auto pair = os::make_channel_pair().value();
  auto request = test::child_request(name, args);
  request.handles.push_back({kChannel, pair.theirs.get()});
  process = std::make_shared<os::Process>(os::launch(request).value());
  ours = std::move(pair.ours);
}

Child::~Child() {
  ours.reset();
  process->kill().value();
  test::wait_for_end(*process);
  process->exit_status();
}

Connected::Connected(std::size_t count, const char* clients) {
  // An address whose ports are all free, also beside other processes.
  static unsigned round = 0;
  const auto asked =
      Address::parse("tcp://127.78." +
                     std::to_string(os::own_process_id() % 250) + '.' +
                     std::to_string(1 + round++ % 250) + ":0")
          .value();
  const auto listener = os::open_listener(asked).value();
  const auto where = os::local_address(listener.get()).value();
  clients_ = std::make_unique<Child>(
      clients, std::vector{where.text(), std::to_string(count)});
  for (std::size_t i = 0; i < count; ++i) {
    sockets_.push_back(test::accept_one(listener.get()));
    if (!sockets_.back()) throw std::runtime_error("no connection");
  }
}

std::vector<os::Socket> connect_all(const std::vector<std::string>& args) {
  const auto where = Address::parse(args.at(0)).value();
  std::vector<os::Socket> clients(std::stoul(args.at(1)));
  test::allow_handles(clients.size() + 100);
  for (auto& client : clients) {
    client.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.get(), static_cast<const sockaddr*>(where.native()),
                  static_cast<socklen_t>(where.native_size())) != 0) {
      throw Error{os::last_error(), "connect"};
    }
  }
  return clients;
}

}  // namespace relaunch::bench
