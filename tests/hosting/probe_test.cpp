// Probes against real sockets and real commands.
#include "common/supervisor/probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <optional>

#include "common/base/text.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
using supervisor::Probe;
using supervisor::ProbeQuestion;
using supervisor::Readiness;
using testing::HasSubstr;
using testing::StartsWith;

/// Answers each connection with the same bytes, and closes it if it is to.
class Answerer {
 public:
  Answerer(asio::io_context& io, std::string answer, bool closes = true)
      : acceptor_(io, {asio::ip::address_v4::loopback(), 0}),
        answer_(std::move(answer)),
        closes_(closes) {
    accept();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  const std::string& received() const { return received_; }

 private:
  void accept() {
    acceptor_.async_accept(
        [this](boost::system::error_code failure, tcp::socket socket) {
          if (failure) return;
          open_.push_back(std::move(socket));
          if (answer_.empty()) return accept();
          buffer_.resize(4096);
          open_.back().async_read_some(
              asio::buffer(buffer_),
              [this](boost::system::error_code error, std::size_t size) {
                received_ = buffer_.substr(0, size);
                if (error) return;
                boost::system::error_code ignored;
                asio::write(open_.back(), asio::buffer(answer_), ignored);
                if (closes_) open_.back().close(ignored);
              });
          accept();
        });
  }

  tcp::acceptor acceptor_;
  std::string answer_;
  bool closes_;
  std::vector<tcp::socket> open_;
  std::string buffer_;
  std::string received_;
};

ProbeQuestion http(std::uint16_t port, milliseconds deadline = kPatience) {
  ProbeQuestion question;
  question.target = {"/health"};
  question.port = port;
  question.deadline = deadline;
  return question;
}

/// "good", or what was wrong.
std::string ask(asio::io_context& io, const ProbeQuestion& question) {
  Probe probe{io};
  std::optional<std::string> answer;
  probe.ask(question, [&](const Result<void>& result) {
    EXPECT_FALSE(answer) << "answered twice";
    answer = result ? "good" : result.error().text();
  });
  EXPECT_FALSE(answer) << "answered at once";
  wait_until(io, [&] { return answer.has_value(); });
  run_ready(io);
  return answer.value_or("no answer");
}

TEST(Probe, AnswerOf2xxIsGoodAndTheQuestionIsOneGet) {
  asio::io_context io;
  Answerer server{io, "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"};
  EXPECT_EQ(ask(io, http(server.port())), "good");
  EXPECT_THAT(server.received(), StartsWith("GET /health HTTP/1.1\r\n"));
  EXPECT_THAT(server.received(), HasSubstr("\r\nConnection: close\r\n"));
}

TEST(Probe, AnotherStatusIsToldByItsNumber) {
  asio::io_context io;
  Answerer server{io, "HTTP/1.1 503 Service Unavailable\r\n\r\nlater"};
  EXPECT_THAT(ask(io, http(server.port())),
              HasSubstr(text::cat("cannot probe 127.0.0.1:", server.port(),
                                  "/health: it answered 503")));
}

TEST(Probe, WhoSpeaksNoHttpIsNotHealthy) {
  asio::io_context io;
  Answerer server{io, "SSH-2.0-server\r\n\r\n"};
  EXPECT_THAT(ask(io, http(server.port())), HasSubstr("'SSH-2.0-server'"));
}

TEST(Probe, HeadWithoutEndIsCutOff) {
  asio::io_context io;
  Answerer server{io, "HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'x'),
                  false};
  EXPECT_THAT(ask(io, http(server.port())), HasSubstr("more than 16384 bytes"));
}

TEST(Probe, ServerThatSaysNothingIsGivenUpAtTheDeadline) {
  asio::io_context io;
  Answerer server{io, ""};
  EXPECT_THAT(ask(io, http(server.port(), milliseconds{50})),
              HasSubstr("no answer in 50 ms"));
}

TEST(Probe, ServerThatKeepsTheConnectionOpenHasAnsweredAllTheSame) {
  asio::io_context io;
  Answerer server{io, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false};
  EXPECT_EQ(ask(io, http(server.port())), "good");
}

TEST(Probe, PortWhereNobodyListensIsAnError) {
  asio::io_context io;
  std::uint16_t port = 0;
  {
    Answerer gone{io, "x"};
    port = gone.port();
  }
  EXPECT_THAT(ask(io, http(port)), HasSubstr(": connect: "));
}

TEST(Probe, ConnectionIsEnoughForTcp) {
  asio::io_context io;
  Answerer server{io, ""};
  auto question = http(server.port());
  question.kind = Readiness::tcp;
  EXPECT_EQ(ask(io, question), "good");
}

TEST(Probe, CancelledQuestionIsNotAnswered) {
  asio::io_context io;
  Answerer server{io, "HTTP/1.1 200 OK\r\n\r\n"};
  bool answered = false;
  {
    Probe probe{io};
    probe.ask(http(server.port()),
              [&](const Result<void>&) { answered = true; });
    probe.cancel();
    probe.ask(http(server.port()),
              [&](const Result<void>&) { answered = true; });
  }
  run_ready(io);
  EXPECT_FALSE(answered);
}

RELAUNCH_CHILD_MAIN(checks) {
  if (!args.empty() && args[0] == "hangs")
    std::promise<void>{}.get_future().wait_for(kPatience);
  say("port " + os::environment_variable("CHECK_PORT").value_or("unset"));
  return args.empty() ? 0 : 3;
}

ProbeQuestion command(std::vector<std::string> words) {
  const auto request = child_request("checks", std::move(words));
  ProbeQuestion question;
  question.kind = Readiness::command;
  question.target = request.arguments;
  question.target[0] = text::utf8(request.executable);
  question.environment = request.environment;
  question.environment.push_back("CHECK_PORT=23");
  question.deadline = kPatience;
  return question;
}

TEST(Probe, CommandIsGoodWhenItEndsWithoutError) {
  asio::io_context io;
  EXPECT_EQ(ask(io, command({})), "good");
}

TEST(Probe, CommandThatFailsIsToldWithItsLastLine) {
  asio::io_context io;
  EXPECT_THAT(ask(io, command({"fails"})),
              HasSubstr("': exit code 3: port 23"));
}

TEST(Probe, CommandThatHangsIsEndedAtTheDeadline) {
  asio::io_context io;
  auto question = command({"hangs"});
  question.deadline = milliseconds{100};
  EXPECT_THAT(ask(io, question), HasSubstr("no answer in 100 ms"));
}

TEST(Probe, CommandThatDoesNotExistIsAnError) {
  asio::io_context io;
  auto question = command({});
  question.target = {"no-such-program-anywhere"};
  EXPECT_THAT(ask(io, question), HasSubstr("no-such-program-anywhere"));
}

}  // namespace
}  // namespace relaunch::test
