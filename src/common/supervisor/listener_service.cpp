#include "common/supervisor/listener_service.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <cstdint>
#include <deque>
#include <random>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "common/os/socket_sharing.hpp"

namespace relaunch::supervisor {

namespace {

using boost::asio::ip::tcp;

/// "<uuid>|<number>" and not a byte more than that can have.
constexpr std::size_t kMaxRequest = 36 + 1 + 10;
/// One more, and the oldest has to leave: who only waits shuts nobody out.
constexpr std::size_t kMaxClients = 16;
/// A stranger must not fill the log.
constexpr unsigned kMaxRefusalsTold = 10;

// The clients read it as a UUID; version 4 is 122 bits of chance.
std::string make_secret() {
  std::random_device chance;
  std::array<std::uint8_t, 16> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(chance());
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string secret;
  for (std::size_t i = 0; i != bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) secret += '-';
    secret += kDigits[bytes[i] >> 4];
    secret += kDigits[bytes[i] & 15];
  }
  return secret;
}

}  // namespace

std::optional<std::string> why_refused(std::string_view request,
                                       std::string_view secret,
                                       os::ProcessId id) {
  const auto bar = request.find('|');
  if (request.size() > kMaxRequest || bar != secret.size()) {
    return "it sent no question of this protocol";
  }
  unsigned difference = 0;
  for (std::size_t i = 0; i != secret.size(); ++i) {
    difference |= static_cast<unsigned char>(request[i] ^ secret[i]);
  }
  if (difference != 0) return "it does not know the secret";
  const std::string_view number = request.substr(bar + 1);
  os::ProcessId asking = 0;
  const auto [end, failure] =
      std::from_chars(number.data(), number.data() + number.size(), asking);
  if (failure != std::errc{} || end != number.data() + number.size()) {
    return "it told no process number";
  }
  if (asking != id) {
    return text::cat("process ", asking, " asks, and they are for ", id);
  }
  return {};
}

struct ListenerService::Impl : std::enable_shared_from_this<Impl> {
  struct Client {
    explicit Client(tcp::socket accepted)
        : socket(std::move(accepted)), deadline(socket.get_executor()) {}

    void close() {
      boost::system::error_code ignored;
      deadline.cancel();
      socket.close(ignored);
    }

    tcp::socket socket;
    boost::asio::steady_timer deadline;
    std::string request;
    std::string reply;
  };
  using ClientPtr = std::shared_ptr<Client>;

  explicit Impl(boost::asio::io_context& io) : acceptor(io), retry(io) {}

  void accept();
  void add(tcp::socket socket);
  void remove(const ClientPtr& client);
  void answer(const ClientPtr& client, const boost::system::error_code& error);
  void refuse(const ClientPtr& client, const std::string& why);
  Result<std::string> records() const;

  tcp::acceptor acceptor;
  boost::asio::steady_timer retry;
  std::vector<native_socket> listeners;
  std::chrono::milliseconds client_deadline{};
  std::string secret = make_secret();
  std::string address;
  std::shared_ptr<const os::Process> process;
  std::function<void(bool, std::string)> on_event;
  std::deque<ClientPtr> clients;
  unsigned refusals = 0;
  bool destroyed = false;
};

void ListenerService::Impl::accept() {
  acceptor.async_accept(
      [self = shared_from_this()](const boost::system::error_code& error,
                                  tcp::socket socket) {
        if (self->destroyed) return;
        if (!error) {
          self->add(std::move(socket));
          return self->accept();
        }
        // No room for one more handle: that passes.
        self->retry.expires_after(std::chrono::seconds{1});
        self->retry.async_wait([self](const boost::system::error_code& ended) {
          if (!ended && !self->destroyed) self->accept();
        });
      });
}

void ListenerService::Impl::add(tcp::socket socket) {
  // Asio's sockets are inheritable.
  os::keep_from_children(os::handle_from_number(
      static_cast<std::uintptr_t>(socket.native_handle())));
  if (clients.size() == kMaxClients) {
    refuse(ClientPtr{clients.front()}, "others came after it");
  }
  const auto client = std::make_shared<Client>(std::move(socket));
  clients.push_back(client);
  client->deadline.expires_after(client_deadline);
  client->deadline.async_wait([self = shared_from_this(),
                               client](const boost::system::error_code& ended) {
    if (ended || self->destroyed || !client->socket.is_open()) return;
    self->refuse(client, "it did not ask and read in time");
  });
  boost::asio::async_read(
      client->socket,
      boost::asio::dynamic_buffer(client->request, kMaxRequest + 1),
      [self = shared_from_this(), client](
          const boost::system::error_code& error, std::size_t) {
        if (self->destroyed || !client->socket.is_open()) return;
        self->answer(client, error);
      });
}

void ListenerService::Impl::remove(const ClientPtr& client) {
  client->close();
  std::erase(clients, client);
}

void ListenerService::Impl::refuse(const ClientPtr& client,
                                   const std::string& why) {
  remove(client);
  if (++refusals > kMaxRefusalsTold) return;
  on_event(false, text::cat("a client was given no listeners: ", why));
}

Result<std::string> ListenerService::Impl::records() const {
  std::string all;
  for (const native_socket listener : listeners) {
    auto record = os::share_socket(listener, *process);
    if (!record) return record.error();
    all += *record;
  }
  return all;
}

// The whole answer or none: a program with a part of its listeners would serve
// a part of its clients.
void ListenerService::Impl::answer(const ClientPtr& client,
                                   const boost::system::error_code& error) {
  if (error && error != boost::asio::error::eof) {
    return refuse(client, error.message());
  }
  if (const auto why = why_refused(client->request, secret, process->id())) {
    return refuse(client, *why);
  }
  auto reply = records();
  if (!reply) return refuse(client, reply.error().text());
  client->reply = std::move(*reply);
  boost::asio::async_write(
      client->socket, boost::asio::buffer(client->reply),
      [self = shared_from_this(), client](
          const boost::system::error_code& failure, std::size_t) {
        if (self->destroyed || !client->socket.is_open()) return;
        if (failure) return self->refuse(client, failure.message());
        self->remove(client);
        self->on_event(true, text::cat("process ", self->process->id(),
                                       " has taken its listeners"));
      });
}

ListenerService::ListenerService(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

Result<ListenerService> ListenerService::open(
    boost::asio::io_context& io, std::vector<native_socket> listeners,
    std::chrono::milliseconds deadline) {
  if (auto possible = os::can_share_sockets(); !possible) {
    return possible.error();
  }
  const auto anywhere = Address::parse("tcp://127.0.0.1:0");
  if (!anywhere) return anywhere.error();
  auto socket = os::open_listener(*anywhere);
  if (!socket) return socket.error();
  const auto address = os::local_address(socket->get());
  if (!address) return address.error();
  auto impl = std::make_shared<Impl>(io);
  boost::system::error_code failure;
  impl->acceptor.assign(tcp::v4(), socket->get(), failure);
  if (failure) return Error{failure, "cannot serve listeners"};
  socket->release();
  impl->listeners = std::move(listeners);
  impl->client_deadline = deadline;
  impl->address = text::cat("127.0.0.1:", address->port());
  return ListenerService{std::move(impl)};
}

ListenerService::ListenerService(ListenerService&&) noexcept = default;

ListenerService& ListenerService::operator=(ListenerService&& other) noexcept {
  ListenerService taken{std::move(other)};  // what was held ends with it
  std::swap(impl_, taken.impl_);
  return *this;
}

ListenerService::~ListenerService() {
  if (!impl_) return;
  impl_->destroyed = true;
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->retry.cancel();
  for (const auto& client : impl_->clients) client->close();
}

std::vector<std::string> ListenerService::environment() const {
  return {text::cat("SYSTEMFD_SOCKET_SERVER=", impl_->address),
          text::cat("SYSTEMFD_SOCKET_SECRET=", impl_->secret)};
}

void ListenerService::serve(
    std::shared_ptr<const os::Process> process,
    std::function<void(bool answered, std::string line)> on_event) {
  impl_->process = std::move(process);
  impl_->on_event = std::move(on_event);
  impl_->accept();
}

}  // namespace relaunch::supervisor
