#include "hosting/supervisor_stub.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <functional>
#include <optional>
#include <stdexcept>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "common/supervisor/service_link.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using supervisor::ServiceLink;

/// The body of such a process.
class Stub {
 public:
  explicit Stub(std::uint16_t port) : socket_(io_) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
    const auto order = [this](os::ServiceOrder what) {
      std::string word{supervisor::word_of(what)};
      if (hangs_) return;
      tell(word);
      if (what == os::ServiceOrder::stop) io_.stop();
    };
    orders_ = {order, [this] { tell("host gone"); }};
    find_host();
    tell(text::cat("pid ", os::own_process_id()));
    tell("started");
    read();
  }
  int run() {
    io_.run();
    return code_;
  }

 private:
  void find_host() {
    link_ = ServiceLink::find(io_, orders_).value();
    if (!link_) throw std::runtime_error{"no host"};
  }
  /// By another one, for which the host's word is already there.
  void replace() {
    auto next = child_request(
        "supervisor_stub", {std::to_string(socket_.remote_endpoint().port())});
    next.handles = {{supervisor::kServiceVariable, links_->next.get()}};
    os::launch(next).value();
    io_.stop();
  }
  void tell(const std::string& line) {
    asio::write(socket_, asio::buffer(line + '\n'));
  }
  void read() {
    asio::async_read_until(
        socket_, asio::dynamic_buffer(input_), '\n',
        [this](const boost::system::error_code& failure, std::size_t size) {
          if (failure) return io_.stop();  // the test has ended
          const std::string line = input_.substr(0, size - 1);
          input_.erase(0, size);
          obey(line);
          read();
        });
  }
  void obey(const std::string& line) {
    if (line == "serve") link_->say_serving();
    if (line == "hang") hangs_ = true;
    if (line == "links") {
      link_->ask_for_links([this](Result<ServiceLink::Links> links) {
        links_ = std::move(links.value());
        tell("has links");
      });
    }
    if (line == "replace") replace();
    if (line == "replace in vain") {
      link_.reset();
      links_->next.reset();
      ServiceLink::keep(std::move(links_->back));
      find_host();
    }
    if (line.starts_with("exit ")) {
      code_ = std::atoi(line.c_str() + 5);
      say("why it ended");
      io_.stop();
    }
    tell("did " + line);
  }

  asio::io_context io_;
  tcp::socket socket_;
  std::string input_;
  ServiceLink::Orders orders_;
  std::unique_ptr<ServiceLink> link_;
  std::optional<ServiceLink::Links> links_;
  bool hangs_ = false;
  int code_ = 0;
};

RELAUNCH_CHILD_MAIN(supervisor_stub) {
  return Stub{static_cast<std::uint16_t>(std::stoi(args.at(0)))}.run();
}

}  // namespace

StubLink::StubLink(tcp::socket socket)
    : socket_(std::make_shared<tcp::socket>(std::move(socket))) {
  read(socket_);
}

void StubLink::read(std::shared_ptr<tcp::socket> socket) {
  auto room = std::make_shared<std::array<char, 256>>();
  socket->async_read_some(
      asio::buffer(*room),
      [this, socket, room, heard = heard_, lost = lost_](
          const boost::system::error_code& failure, std::size_t size) {
        if (failure) {
          *lost = true;
          return;
        }
        heard->append(room->data(), size);
        read(socket);
      });
}

void StubLink::tell(const std::string& line) {
  asio::write(*socket_, asio::buffer(line + '\n'));
}

os::Process StubLink::process() const {
  const std::string key = "pid ";
  const auto at = heard_->find(key) + key.size();
  return os::open_process(
             static_cast<os::ProcessId>(std::stoul(heard_->substr(at))))
      .value();
}

bool StubLink::said(const std::string& line) const {
  return ('\n' + *heard_).find('\n' + line + '\n') != std::string::npos;
}

Stubs::Stubs(asio::io_context& io)
    : io_(io), acceptor_(io, {asio::ip::address_v4::loopback(), 0}, false) {
  accept();
}

std::vector<std::string> Stubs::command() const {
  const auto request = child_request(
      "supervisor_stub", {std::to_string(acceptor_.local_endpoint().port())});
  return request.arguments;
}

StubLink& Stubs::at(std::size_t index) {
  if (!wait_until(io_, [&] {
        return links_.size() > index && links_[index].said("started");
      })) {
    throw std::runtime_error{"no supervisor was started"};
  }
  return links_[index];
}

void Stubs::accept() {
  acceptor_.async_accept(
      [this](const boost::system::error_code& failure, tcp::socket socket) {
        if (failure) return;
        links_.emplace_back(std::move(socket));
        accept();
      });
}

}  // namespace relaunch::test
