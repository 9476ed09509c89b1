#include "common/control/server.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "common/base/text.hpp"
#include "common/control/authorise.hpp"
#include "common/upgrade/deadline_timer.hpp"

namespace relaunch::control {

namespace json = boost::json;

struct Server::Client {
  Client(boost::asio::io_context& io, std::unique_ptr<os::Channel> link,
         os::Peer who)
      : channel(std::move(link)), peer(who), deadline(io) {}

  std::unique_ptr<os::Channel> channel;
  os::Peer peer;
  upgrade::DeadlineTimer deadline;
  observe::Subscription following;
  std::size_t waiting = 0;  ///< answers that it has not read
  bool has_asked = false;
  bool gone = false;
};

Server::Server(boost::asio::io_context& io, Target& target, LogSink log)
    : io_(io), target_(target), log_(std::move(log)) {}

Server::~Server() {
  for (const auto& client : clients_) client->gone = true;
}

Result<std::unique_ptr<Server>> Server::open(
    boost::asio::io_context& io, const std::filesystem::path& run_folder,
    Target& target, LogSink log) {
  std::unique_ptr<Server> server{new Server{io, target, std::move(log)}};
  auto endpoint = os::Endpoint::open(
      io, run_folder,
      [self = server.get()](std::unique_ptr<os::Channel> channel,
                            os::Peer peer) {
        self->add(std::move(channel), peer);
      });
  if (!endpoint) return endpoint.error();
  server->endpoint_ = std::move(*endpoint);
  server->address_ = os::endpoint_address(run_folder);
  return server;
}

void Server::add(std::unique_ptr<os::Channel> channel, os::Peer peer) {
  make_room();
  auto client = std::make_shared<Client>(io_, std::move(channel), peer);
  clients_.push_back(client);
  const std::weak_ptr<Client> weak = client;
  client->deadline.arm(request_deadline_, [this, weak] {
    if (const auto late = weak.lock(); late && !late->gone) forget(late);
  });
  client->channel->start(
      [this, weak](os::Received received) {
        const auto asking = weak.lock();
        if (asking && !asking->gone) on_frame(asking, std::move(received));
      },
      [this, weak](const Error&) {
        if (const auto lost = weak.lock(); lost && !lost->gone) forget(lost);
      });
}

// Those that have asked for something are not let go for those that have not.
void Server::make_room() {
  if (clients_.size() < kMaxClients) return;
  const auto idle =
      std::find_if(clients_.begin(), clients_.end(),
                   [](const auto& client) { return !client->has_asked; });
  forget(idle == clients_.end() ? clients_.front() : *idle);
}

void Server::forget(std::shared_ptr<Client> client) {
  client->gone = true;
  client->following = {};
  client->deadline.disarm();
  std::erase(clients_, client);
  // Its channel may be what is calling.
  boost::asio::post(io_, [client] {});
}

void Server::on_frame(const std::shared_ptr<Client>& client,
                      os::Received received) {
  if (std::exchange(client->has_asked, true)) return;  // one is enough
  client->deadline.disarm();
  auto request = request_from(received.frame);
  if (!request) {
    return answer(client, {Answer::Kind::error, {}, {}, request.error()});
  }
  if (auto allowed = authorise(client->peer, request->verb); !allowed) {
    if (log_) log_(LogLevel::warning, allowed.error().text());
    return answer(client, {Answer::Kind::error, {}, {}, allowed.error()});
  }
  if (request->verb != Verb::rejoin) return serve(client, *request);
  auto channel = std::move(client->channel);
  forget(client);
  if (on_rejoin_) {
    on_rejoin_(std::move(channel), client->peer, std::move(received));
  }
}

void Server::serve(const std::shared_ptr<Client>& client,
                   const Request& request) {
  using Kind = Answer::Kind;
  switch (request.verb) {
    case Verb::upgrade:
      return upgrade(client, request);
    case Verb::events:
      return follow(client, request);
    case Verb::abort:
      if (target_.abort()) return answer(client, {Kind::done, {}, {}, {}});
      return answer(client, {Kind::done, "no upgrade is under way\n", {}, {}});
    case Verb::stop:
      // Answered first: the target may end with it.
      answer(client, {Kind::done, {}, {}, {}});
      return target_.stop(request.mode);
    case Verb::reload:
      return upgrade(client, request);
    case Verb::status:
      return answer(client,
                    {Kind::data, json::serialize(target_.status()), {}, {}});
    case Verb::history:
      return answer(client,
                    {Kind::data, json::serialize(target_.history()), {}, {}});
    case Verb::metrics:
      return answer(client, {Kind::data, target_.metrics(), {}, {}});
    case Verb::replace:
      return replace(client);
    case Verb::rejoin:
      break;
  }
}

void Server::replace(const std::shared_ptr<Client>& client) {
  const std::weak_ptr<Client> weak = client;
  target_.replace_supervisor([this, weak](const Result<void>& replaced) {
    const auto still = weak.lock();
    if (!still) return;
    Answer last;
    if (!replaced) {
      last.kind = Answer::Kind::error;
      last.error = replaced.error();
    }
    answer(still, last);
  });
}

// Whether the client stays or goes, the upgrade goes on; `status` keeps how it
// ended.
void Server::upgrade(const std::shared_ptr<Client>& client,
                     const Request& request) {
  const std::weak_ptr<Client> weak = client;
  const auto tell = [this, weak](const Answer& what) {
    const auto still = weak.lock();
    if (still && !still->gone) answer(still, what);
  };
  // It sees each phase as an event, beside the lines.
  client->following =
      target_.events().subscribe([tell](const observe::Event& event) {
        tell({Answer::Kind::event,
              json::serialize(observe::to_json(event)),
              {},
              {}});
      });
  const auto end = [tell](const Outcome& outcome) {
    tell({Answer::Kind::outcome, {}, outcome, {}});
  };
  if (request.verb == Verb::reload) return target_.reload(end);
  target_.upgrade(
      request.order,
      [tell](std::string_view line) {
        tell({Answer::Kind::line, std::string{line}, {}, {}});
      },
      end);
}

void Server::follow(const std::shared_ptr<Client>& client,
                    const Request& request) {
  const std::weak_ptr<Client> weak = client;
  const auto tell = [this, weak](const observe::Event& event) {
    const auto still = weak.lock();
    if (!still || still->gone) return;
    answer(still, {Answer::Kind::event,
                   json::serialize(observe::to_json(event)),
                   {},
                   {}});
  };
  for (const auto& event : target_.events().since(request.since)) tell(event);
  if (!request.follow) return answer(client, {Answer::Kind::done, {}, {}, {}});
  if (!client->gone) client->following = target_.events().subscribe(tell);
}

void Server::answer(const std::shared_ptr<Client>& client,
                    const Answer& answer) {
  if (client->gone) return;
  if (client->waiting >= kMaxWaiting) return forget(client);
  if (answer.is_last()) {
    client->following = {};
    client->gone = true;
    std::erase(clients_, client);
    client->channel->send(to_frame(answer));
    // It keeps itself until the client has read it, and no longer than that.
    client->deadline.arm(request_deadline_,
                         [client] { client->channel.reset(); });
    return client->channel->close_after_sending(
        [client] { client->deadline.disarm(); });
  }
  ++client->waiting;
  const std::weak_ptr<Client> weak = client;
  client->channel->send(to_frame(answer), {}, [weak](std::optional<Error>) {
    if (const auto still = weak.lock()) --still->waiting;
  });
}

}  // namespace relaunch::control
