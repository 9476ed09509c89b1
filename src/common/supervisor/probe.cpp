#include "common/supervisor/probe.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "common/base/text.hpp"
#include "common/build/runner.hpp"
#include "common/supervisor/http_probe.hpp"

namespace relaunch::supervisor {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// An answer's body is read so far, so that the server sees a good end.
constexpr std::size_t kMaxBodyBytes = 64 * 1024;

}  // namespace

/// One question, which keeps itself alive until its end.
class Probe::Work : public std::enable_shared_from_this<Work> {
 public:
  Work(asio::io_context& io, OnAnswer on_answer)
      : timer_(io), on_answer_(std::move(on_answer)) {}
  virtual ~Work() = default;

  void start(std::chrono::milliseconds deadline) {
    timer_.expires_after(deadline);
    timer_.async_wait(
        [self = shared_from_this(), deadline](error_code failure) {
          if (failure) return;
          self->answer(Error{make_error_code(std::errc::timed_out),
                             text::cat(self->subject(), ": no answer in ",
                                       deadline.count(), " ms")});
          self->end();
        });
    begin();
  }
  void cancel() {
    on_answer_ = {};
    end();
  }

 protected:
  virtual void begin() = 0;
  virtual void stop() = 0;
  virtual std::string subject() const = 0;

  void answer(Result<void> result) {
    if (auto on_answer = std::exchange(on_answer_, {})) {
      on_answer(std::move(result));
    }
  }
  /// Nothing is under way any more; the timer ends with it.
  void end() {
    timer_.cancel();
    stop();
  }
  template <typename Self>
  std::shared_ptr<Self> self() {
    return std::static_pointer_cast<Self>(shared_from_this());
  }

 private:
  asio::steady_timer timer_;
  OnAnswer on_answer_;
};

namespace {

class SocketWork final : public Probe::Work {
 public:
  SocketWork(asio::io_context& io, const ProbeQuestion& question,
             Probe::OnAnswer on_answer)
      : Work(io, std::move(on_answer)), socket_(io), port_(question.port) {
    if (question.kind == Readiness::http && !question.target.empty()) {
      path_ = question.target.front();
      request_ = probe_request(path_);
    }
  }

 private:
  void begin() override {
    socket_.async_connect({asio::ip::address_v4::loopback(), port_},
                          [self = self<SocketWork>()](error_code failure) {
                            if (failure) return self->fail("connect", failure);
                            if (!self->request_.empty()) return self->send();
                            self->answer({});
                            self->end();
                          });
  }
  void stop() override {
    error_code ignored;
    socket_.close(ignored);
  }
  std::string subject() const override {
    return text::cat("cannot probe 127.0.0.1:", port_, path_);
  }

  void send() {
    asio::async_write(
        socket_, asio::buffer(request_),
        [self = self<SocketWork>()](error_code failure, std::size_t) {
          if (failure) return self->fail("send", failure);
          self->receive();
        });
  }
  void receive() {
    asio::async_read_until(
        socket_, asio::dynamic_buffer(received_, kMaxHeadBytes), "\r\n\r\n",
        [self = self<SocketWork>()](error_code failure, std::size_t size) {
          if (failure == asio::error::not_found) {
            return self->finish(
                Error{errc::unhealthy, text::cat(self->subject(),
                                                 ": the head of the answer has "
                                                 "more than ",
                                                 kMaxHeadBytes, " bytes")});
          }
          if (failure) return self->fail("receive", failure);
          self->answer(self->judge(size));
          self->discard(0);
        });
  }
  Result<void> judge(std::size_t head_size) const {
    const auto status =
        answer_status(std::string_view{received_}.substr(0, head_size));
    if (!status) {
      return Error{status.error().code(),
                   text::cat(subject(), ": ", status.error().text())};
    }
    if (*status >= 200 && *status < 300) return {};
    return Error{errc::unhealthy,
                 text::cat(subject(), ": it answered ", *status)};
  }
  void discard(std::size_t so_far) {
    received_.resize(4096);
    socket_.async_read_some(asio::buffer(received_),
                            [self = self<SocketWork>(), so_far](
                                error_code failure, std::size_t size) {
                              if (failure || so_far + size > kMaxBodyBytes)
                                return self->end();
                              self->discard(so_far + size);
                            });
  }
  void fail(const char* call, error_code failure) {
    if (failure == asio::error::operation_aborted) return;
    finish(Error{failure, text::cat(subject(), ": ", call)});
  }
  void finish(Error error) {
    answer(std::move(error));
    end();
  }

  tcp::socket socket_;
  std::uint16_t port_;
  std::string path_;
  std::string request_;  ///< empty: a connection is all
  std::string received_;
};

class CommandWork final : public Probe::Work {
 public:
  CommandWork(asio::io_context& io, ProbeQuestion question,
              Probe::OnAnswer on_answer)
      : Work(io, std::move(on_answer)),
        runner_(io),
        command_{std::move(question.target), std::move(question.folder),
                 std::move(question.environment)} {}

 private:
  void begin() override {
    // The deadline keeps this alive: it ends with the command.
    const std::weak_ptr<CommandWork> weak = self<CommandWork>();
    runner_.start(
        command_,
        [weak](std::string_view line) {
          if (const auto self = weak.lock()) self->last_line_ = line;
        },
        [weak](build::Finished finished) {
          const auto self = weak.lock();
          if (!self) return;
          self->answer(finished.error ? self->failure(*finished.error)
                                      : Result<void>{});
          self->end();
        });
  }
  void stop() override { runner_.cancel(); }
  std::string subject() const override {
    return text::cat("cannot probe with '",
                     text::printable(command_.arguments.front()), "'");
  }

  // What builds run with is what runs probes: only the words differ.
  Error failure(const Error& error) const {
    if (error.code() != make_error_code(errc::build_failed)) return error;
    std::string_view why = error.text();
    constexpr std::string_view kOther = "the build failed: ";
    if (why.starts_with(kOther)) why.remove_prefix(kOther.size());
    std::string text = text::cat(subject(), ": ", why);
    if (!last_line_.empty()) {
      text += text::cat(": ", text::printable(last_line_.substr(0, 200)));
    }
    return {errc::unhealthy, std::move(text)};
  }

  build::Runner runner_;
  build::BuildCommand command_;
  std::string last_line_;
};

}  // namespace

Result<void> check_probe_target(Readiness kind,
                                const std::vector<std::string>& target) {
  if (kind == Readiness::http &&
      (target.size() != 1 || !is_probe_path(target[0]))) {
    return Error{errc::invalid_argument,
                 "an http probe needs one path, such as /health"};
  }
  if (kind == Readiness::command && (target.empty() || target[0].empty())) {
    return Error{errc::invalid_argument, "a command probe needs a command"};
  }
  return {};
}

Probe::Probe(asio::io_context& io) : io_(io) {}

Probe::~Probe() { cancel(); }

void Probe::cancel() {
  if (const auto work = std::exchange(work_, {})) work->cancel();
}

void Probe::ask(const ProbeQuestion& question, OnAnswer on_answer) {
  cancel();
  if (question.kind == Readiness::command) {
    work_ = std::make_shared<CommandWork>(io_, question, std::move(on_answer));
  } else {
    work_ = std::make_shared<SocketWork>(io_, question, std::move(on_answer));
  }
  work_->start(question.deadline);
}

}  // namespace relaunch::supervisor
