// Serves a control endpoint: one request on each link, then its answers.
//
// However many clients are idle or broken, the next one is served: a client
// has a deadline for its request, and with too many of them the one that has
// been idle longest is let go.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>

#include "common/control/message.hpp"
#include "common/control/target.hpp"
#include "common/os/endpoint.hpp"
#include "relaunch/log.hpp"

namespace relaunch::control {

/// All calls and callbacks on the io_context's thread.
class Server {
 public:
  static constexpr std::size_t kMaxClients = 256;
  static constexpr std::chrono::milliseconds kRequestDeadline{10'000};
  /// So many lines wait for a client that does not read; then it is let go.
  static constexpr std::size_t kMaxWaiting = 4'096;

  /// The link of a generation that looks for its supervisor, with the frame
  /// that it began with.
  using OnRejoin =
      std::function<void(std::unique_ptr<os::Channel>, os::Peer, os::Received)>;

  /// Errors: of os::Endpoint::open. `target` outlives the server.
  static Result<std::unique_ptr<Server>> open(
      boost::asio::io_context& io, const std::filesystem::path& run_folder,
      Target& target, LogSink log);
  ~Server();
  /// How long a client may take to ask, and to read its last answer.
  void set_request_deadline(std::chrono::milliseconds deadline) {
    request_deadline_ = deadline;
  }
  void on_rejoin(OnRejoin on_rejoin) { on_rejoin_ = std::move(on_rejoin); }
  const std::string& address() const { return address_; }

 private:
  struct Client;
  using Iterator = std::list<std::shared_ptr<Client>>::iterator;

  Server(boost::asio::io_context& io, Target& target, LogSink log);
  void add(std::unique_ptr<os::Channel> channel, os::Peer peer);
  void on_frame(const std::shared_ptr<Client>& client, os::Received received);
  void serve(const std::shared_ptr<Client>& client, const Request& request);
  void upgrade(const std::shared_ptr<Client>& client, const Request& request);
  void replace(const std::shared_ptr<Client>& client);
  void follow(const std::shared_ptr<Client>& client, const Request& request);
  void answer(const std::shared_ptr<Client>& client, const Answer& answer);
  void forget(std::shared_ptr<Client> client);
  void make_room();

  boost::asio::io_context& io_;
  Target& target_;
  LogSink log_;
  std::string address_;
  std::unique_ptr<os::Endpoint> endpoint_;
  std::list<std::shared_ptr<Client>> clients_;
  OnRejoin on_rejoin_;
  std::chrono::milliseconds request_deadline_ = kRequestDeadline;
};

}  // namespace relaunch::control
