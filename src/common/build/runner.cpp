#include "common/build/runner.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "common/os/process.hpp"

namespace relaunch::build {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A killed process that waits for a dead disk may stay for ever.
constexpr milliseconds kKillPatience{5000};

/// Cuts lines out of the output, and keeps its end.
class Output {
 public:
  /// `each` answers false when no more lines are wanted.
  void add(std::string_view bytes,
           const std::function<bool(std::string_view)>& each) {
    tail_ += bytes;
    if (tail_.size() > 2 * kTailBytes) {
      tail_.erase(0, tail_.size() - kTailBytes);
    }
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      const std::size_t room = kMaxLineBytes - line_.size();
      const std::size_t size = std::min({end, room, bytes.size()});
      line_ += bytes.substr(0, size);
      const bool whole = size == end;
      bytes.remove_prefix(size + (whole ? 1 : 0));
      if (!whole && line_.size() < kMaxLineBytes) return;
      if (!flush(whole, each)) return;
    }
  }

  /// The last line may lack its end.
  void finish(const std::function<bool(std::string_view)>& each) {
    if (!line_.empty()) flush(true, each);
  }

  std::string take_tail() {
    if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
    return std::move(tail_);
  }

 private:
  bool flush(bool whole, const std::function<bool(std::string_view)>& each) {
    if (whole && line_.ends_with('\r')) line_.pop_back();
    // A line that was exactly as long as a piece has been passed on already.
    const bool nothing_new = whole && continued_ && line_.empty();
    continued_ = !whole;
    const std::string line = std::exchange(line_, {});
    return nothing_new || each(line);
  }

  std::string tail_;
  std::string line_;
  bool continued_ = false;  ///< line_ goes on where a piece ended
};

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

/// Of two settings of one variable the later counts; programs take the first.
os::Environment without_duplicates(const os::Environment& given) {
  os::Environment result;
  for (const std::string& entry : given) {
    std::erase_if(result, [&](const std::string& earlier) {
      return name_of(earlier) == name_of(entry);
    });
    result.push_back(entry);
  }
  return result;
}

std::string_view search_path(const os::Environment& environment) {
  const auto is_path = [](std::string_view entry, std::string_view name) {
    return name_of(entry) == name && entry.size() > name.size();
  };
  for (const char* name : {"PATH", "Path"}) {  // Windows writes it so
    for (const std::string_view entry : environment) {
      if (is_path(entry, name)) return entry.substr(5);
    }
  }
  return {};
}

bool is_program(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && os::is_executable(file);
}

/// With the system's suffix, where it lacks it.
fs::path with_suffix(fs::path program) {
  const std::string_view suffix = os::executable_suffix();
  std::string end = text::utf8(program.extension());
  for (char& c : end) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (!suffix.empty() && end != suffix) program += suffix;
  return program;
}

}  // namespace

Result<fs::path> locate(const BuildCommand& command,
                        const os::Environment& environment) {
  if (command.arguments.empty() || command.arguments[0].empty()) {
    return Error{errc::invalid_argument, "no program was named"};
  }
  auto found = find_program(command.arguments[0], search_path(environment));
  if (!found) return found;
  // As seen from where the command runs.
  std::error_code failure;
  const fs::path program = fs::absolute(command.folder / *found, failure);
  if (is_program(program)) return program;
  if (is_program(with_suffix(program))) return with_suffix(program);
  const bool there = fs::exists(program, failure);
  return Error{make_error_code(there ? std::errc::permission_denied
                                     : std::errc::no_such_file_or_directory),
               text::cat("cannot start ", program)};
}

/// One build, from start() to its end.
struct Runner::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(boost::asio::io_context& context)
      : io(context), kill_timer(context) {}

  Result<void> launch(const BuildCommand& command);
  void on_output(std::string_view bytes);
  void on_gone();
  void cancel();
  void finish_if_over();
  void finish(std::optional<Error> error);
  void abandon();
  bool pass_on(std::string_view line);

  boost::asio::io_context& io;
  boost::asio::steady_timer kill_timer;
  std::function<void(std::string_view)> on_line;
  std::function<void(Finished)> on_end;
  Output output;
  os::Process process;
  std::optional<os::OutputPipe> pipe;
  std::optional<os::ProcessWatch> watch;
  std::optional<os::ExitStatus> status;
  bool output_ended = false;
  bool cancelled = false;
  bool over = false;
};

Result<void> Runner::Impl::launch(const BuildCommand& command) {
  os::LaunchRequest request;
  request.environment = without_duplicates(command.environment);
  auto program = locate(command, request.environment);
  if (!program) return program.error();
  auto opened = os::OutputPipe::open(io);
  if (!opened) return opened.error();
  pipe.emplace(std::move(*opened));
  request.executable = std::move(*program);
  request.arguments = command.arguments;
  request.folder = command.folder;
  request.output = pipe->child_end();
  request.own_tree = true;
  request.listeners = command.listeners;
  request.sure_status = command.listeners.empty();
  auto launched = os::launch(request);
  if (!launched) return launched.error();
  process = std::move(*launched);
  pipe->close_child_end();
  const std::weak_ptr<Impl> weak = weak_from_this();
  auto watched = os::ProcessWatch::start(io, process, [weak] {
    if (const auto self = weak.lock()) self->on_gone();
  });
  if (!watched) return watched.error();
  watch.emplace(std::move(*watched));
  pipe->start([weak](std::string_view bytes) {
    if (const auto self = weak.lock()) self->on_output(bytes);
  });
  return {};
}

/// False when the receiver has ended this build meanwhile.
bool Runner::Impl::pass_on(std::string_view line) {
  if (on_line) on_line(line);
  return !over;
}

void Runner::Impl::on_output(std::string_view bytes) {
  if (over) return;
  const auto each = [this](std::string_view line) { return pass_on(line); };
  if (!bytes.empty()) return output.add(bytes, each);
  output_ended = true;
  output.finish(each);
  finish_if_over();
}

void Runner::Impl::on_gone() {
  if (over) return;
  // Before its status is taken, so that its number is still its own.
  process.kill_tree();
  status = process.exit_status();
  // What it left behind may hold the other end of the pipe.
  pipe->finish();
  finish_if_over();
}

void Runner::Impl::cancel() {
  if (over || cancelled) return;
  cancelled = true;
  if (process) process.kill_tree();
  kill_timer.expires_after(kKillPatience);
  kill_timer.async_wait(
      [weak = weak_from_this()](boost::system::error_code failure) {
        const auto self = weak.lock();
        if (failure || !self) return;
        self->finish(Error{errc::stopped,
                           text::cat("the build's process ", self->process.id(),
                                     " was killed and has not ended")});
      });
}

void Runner::Impl::finish_if_over() {
  if (over || !status || !output_ended) return;
  if (cancelled) return finish(Error{errc::stopped, "the build was cancelled"});
  if (status->success()) return finish(std::nullopt);
  finish(Error{errc::build_failed,
               text::cat("the build failed: ", status->text())});
}

void Runner::Impl::finish(std::optional<Error> error) {
  if (over) return;
  over = true;
  kill_timer.cancel();
  watch.reset();
  pipe.reset();
  const auto report = std::exchange(on_end, {});
  on_line = {};
  if (report) report({std::move(error), output.take_tail()});
}

/// No callback comes any more, and no process stays.
void Runner::Impl::abandon() {
  if (over) return;
  over = true;
  kill_timer.cancel();
  watch.reset();
  pipe.reset();
  if (!process) return;
  process.kill_tree();
  if (process.gone(milliseconds{500})) process.exit_status();  // no zombie
}

Runner::Runner(boost::asio::io_context& io)
    : impl_(std::make_shared<Impl>(io)) {
  impl_->over = true;
}

Runner::~Runner() { impl_->abandon(); }

void Runner::start(const BuildCommand& command,
                   std::function<void(std::string_view)> on_line,
                   std::function<void(Finished)> on_end) {
  boost::asio::io_context& io = impl_->io;
  if (!impl_->over) {
    boost::asio::post(io, [on_end = std::move(on_end)] {
      on_end({Error{errc::busy, "cannot build: a build runs already"}, {}});
    });
    return;
  }
  impl_ = std::make_shared<Impl>(io);
  impl_->on_line = std::move(on_line);
  impl_->on_end = std::move(on_end);
  const auto launched = impl_->launch(command);
  if (launched) return;
  boost::asio::post(io, [weak = impl_->weak_from_this(),
                         error = launched.error()] {
    const auto self = weak.lock();
    if (!self || self->over) return;
    auto report = std::exchange(self->on_end, {});
    self->abandon();
    report({self->cancelled ? Error{errc::stopped, "the build was cancelled"}
                            : error,
            {}});
  });
}

void Runner::cancel() { impl_->cancel(); }

Result<fs::path> find_program(std::string_view name,
                              std::string_view path_variable) {
  const fs::path program = text::path_from_utf8(name);
  if (program.has_parent_path() || program.has_root_path()) return program;
  std::string_view rest = path_variable;
  while (!rest.empty()) {
    const std::size_t end =
        std::min(rest.find(os::path_list_separator()), rest.size());
    const fs::path folder = text::path_from_utf8(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    // An empty or relative entry would find whatever lies in the folder.
    if (!folder.is_absolute()) continue;
    const fs::path candidate = with_suffix(folder / program);
    if (is_program(candidate)) return candidate;
  }
  return Error{make_error_code(std::errc::no_such_file_or_directory),
               text::cat("cannot find the program '", text::printable(name),
                         "' in PATH '", text::printable(path_variable), "'")};
}

}  // namespace relaunch::build
