#include "common/supervisor/listener_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using supervisor::ListenerService;
using testing::HasSubstr;

constexpr std::size_t kRecord = 628;

os::Socket open_any() {
  return os::open_listener(Address::parse("tcp://127.0.0.1:0").value()).value();
}

std::uint16_t port_of(const os::Socket& listener) {
  return os::local_address(listener.get()).value().port();
}

/// Connects, sends, and reads until the other side closes; on an io_context
/// that others use too.
struct Asking {
  Asking(asio::io_context& io, std::uint16_t port, std::string what,
         bool finish = true)
      : socket(io), question(std::move(what)) {
    socket.async_connect(
        {asio::ip::address_v4::loopback(), port},
        [this, finish](const boost::system::error_code& failure) {
          if (failure) return end(failure);
          asio::write(socket, asio::buffer(question));
          if (finish) socket.shutdown(tcp::socket::shutdown_send);
          asio::async_read(socket, asio::dynamic_buffer(answer),
                           [this](const boost::system::error_code& ended,
                                  std::size_t) { end(ended); });
        });
  }
  void end(const boost::system::error_code& why) {
    result = why;
    socket.close();
  }

  tcp::socket socket;
  std::string question;
  std::string answer;
  std::optional<boost::system::error_code> result;
};

std::string value_of(const ListenerService& service, std::size_t index) {
  const std::string entry = service.environment().at(index);
  return entry.substr(entry.find('=') + 1);
}

std::uint16_t port_of(const ListenerService& service) {
  const std::string address = value_of(service, 0);
  return static_cast<std::uint16_t>(
      std::stoi(address.substr(address.find(':') + 1)));
}

class ListenerServiceTest : public testing::Test {
 protected:
  void offer(std::vector<native_socket> sockets,
             std::chrono::milliseconds deadline = kPatience) {
    service.emplace(
        ListenerService::open(io, std::move(sockets), deadline).value());
  }
  void serve(os::ProcessId id = os::own_process_id()) {
    auto process = os::open_process(id).value();
    service->serve(std::make_shared<os::Process>(std::move(process)),
                   [this](bool answered, const std::string& line) {
                     (answered ? answers : refusals).push_back(line);
                   });
  }
  std::string question(os::ProcessId id = os::own_process_id()) const {
    return text::cat(value_of(*service, 1), '|', id);
  }
  std::string ask(std::string what) {
    Asking asking{io, port_of(*service), std::move(what)};
    EXPECT_TRUE(wait_until(io, [&] { return asking.result.has_value(); }));
    return asking.answer;
  }

  asio::io_context io;
  std::optional<ListenerService> service;
  std::vector<std::string> answers;
  std::vector<std::string> refusals;
};

TEST_F(ListenerServiceTest, EachListenerIsOneRecordInItsOrder) {
  const auto first = open_any();
  const auto second = open_any();
  offer({first.get(), second.get()});
  serve();
  const std::string answer = ask(question());
  ASSERT_EQ(answer.size(), 2 * kRecord);
  EXPECT_TRUE(wait_until(io, [&] { return !answers.empty(); }));
  EXPECT_TRUE(refusals.empty());
}

TEST_F(ListenerServiceTest, WhoIsNotTheGenerationGetsNothing) {
  const auto listener = open_any();
  offer({listener.get()});
  serve();
  std::string wrong = question();
  wrong[0] = wrong[0] == '0' ? '1' : '0';
  EXPECT_EQ(ask(wrong), "");
  EXPECT_EQ(ask(question(os::own_process_id() + 4)), "");
  EXPECT_EQ(ask(""), "");
  EXPECT_EQ(ask(std::string(1'000, 'x')), "");
  ASSERT_EQ(refusals.size(), 4u);
  EXPECT_THAT(refusals[0], HasSubstr("does not know the secret"));
  EXPECT_THAT(refusals[1], HasSubstr("process "));
  EXPECT_EQ(ask(question()).size(), kRecord) << "and the right one does";
}

TEST_F(ListenerServiceTest, WhoSaysNothingHasToLeaveInTime) {
  const auto listener = open_any();
  offer({listener.get()}, std::chrono::milliseconds{200});
  serve();
  Asking silent{io, port_of(*service), question(), false};
  EXPECT_TRUE(wait_until(io, [&] { return silent.result.has_value(); }));
  EXPECT_EQ(silent.answer, "");
  ASSERT_EQ(refusals.size(), 1u);
  EXPECT_THAT(refusals[0], HasSubstr("in time"));
}

TEST_F(ListenerServiceTest, IdleClientsShutNobodyOut) {
  const auto listener = open_any();
  offer({listener.get()});
  serve();
  std::vector<std::unique_ptr<Asking>> idle;
  for (int i = 0; i != 40; ++i) {
    idle.push_back(std::make_unique<Asking>(io, port_of(*service), "", false));
  }
  EXPECT_EQ(ask(question()).size(), kRecord);
  service.reset();
  EXPECT_TRUE(wait_until(io, [&] {
    return std::all_of(idle.begin(), idle.end(), [](const auto& each) {
      return each->result.has_value();
    });
  }));
}

TEST_F(ListenerServiceTest, GenerationThatHasEndedIsGivenNothing) {
  const auto listener = open_any();
  offer({listener.get()});
  auto request = child_request("ends_at_once");
  auto process = std::make_shared<os::Process>(os::launch(request).value());
  ASSERT_TRUE(wait_for_end(*process));
  service->serve(process, [this](bool answered, const std::string& line) {
    (answered ? answers : refusals).push_back(line);
  });
  EXPECT_EQ(ask(question(process->id())), "");
  EXPECT_EQ(answers.size(), 0u);
}

RELAUNCH_CHILD_MAIN(ends_at_once) { return 0; }

/// The example program as a generation, served by its own service.
struct Generation {
  Generation(asio::io_context& io, const os::Socket& listener) {
    service.emplace(ListenerService::open(io, {listener.get()}).value());
    os::LaunchRequest request;
    request.executable = LISTENFD_PROGRAM;
    request.arguments = {LISTENFD_PROGRAM};
    request.environment = os::own_environment();
    for (const auto& entry : service->environment()) {
      request.environment.push_back(entry);
    }
    process = std::make_shared<os::Process>(os::launch(request).value());
    service->serve(process, [this](bool answered, const std::string& line) {
      EXPECT_TRUE(answered) << line;
      taken = taken || answered;
    });
  }
  ~Generation() {
    process->kill().value();
    EXPECT_TRUE(wait_for_end(*process));
  }

  std::optional<ListenerService> service;
  std::shared_ptr<os::Process> process;
  bool taken = false;
};

std::string get(asio::io_context& io, std::uint16_t port) {
  Asking asking{io, port, "GET / HTTP/1.1\r\n\r\n", false};
  EXPECT_TRUE(wait_until(io, [&] { return asking.result.has_value(); }));
  const auto body = asking.answer.find("\r\n\r\n");
  return body == std::string::npos ? "none" : asking.answer.substr(body + 4);
}

TEST(Listenfd, ProgramThatSpeaksItIsServedUnmodifiedGenerationByGeneration) {
  asio::io_context io;
  const auto listener = open_any();
  std::optional<Generation> incumbent;
  incumbent.emplace(io, listener);
  for (int round = 0; round != 3; ++round) {
    ASSERT_TRUE(wait_until(io, [&] { return incumbent->taken; }));
    EXPECT_EQ(get(io, port_of(listener)),
              text::cat(incumbent->process->id(), '\n'));
    // The listener outlives whoever accepts on it.
    incumbent.reset();
    Asking waiting{io, port_of(listener), "GET / HTTP/1.1\r\n\r\n", false};
    incumbent.emplace(io, listener);
    EXPECT_TRUE(wait_until(io, [&] { return waiting.result.has_value(); }));
    EXPECT_THAT(waiting.answer,
                HasSubstr(text::cat("\r\n\r\n", incumbent->process->id())));
  }
}

TEST(Listenfd, NothingIsLeftOfAGeneration) {
  asio::io_context io;
  const auto listener = open_any();
  { Generation first{io, listener}; }
  run_ready(io);
  const auto before = list_open_handles().size();
  {
    Generation another{io, listener};
    EXPECT_TRUE(wait_until(io, [&] { return another.taken; }));
  }
  run_ready(io);
  EXPECT_EQ(list_open_handles().size(), before);
}

}  // namespace
}  // namespace relaunch::test
