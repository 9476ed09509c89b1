#include "common/supervisor/pid_file.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "common/os/files.hpp"

namespace relaunch::supervisor {

PidFile::PidFile(std::filesystem::path file, Supervisor& supervisor,
                 LogSink log)
    : file_(std::move(file)),
      supervisor_(supervisor),
      log_(std::move(log)),
      self_(std::make_shared<PidFile*>(this)) {
  remove();  // of an instance that was killed
  // An event may be told before the status says the same: looked at afterwards.
  followed_ = supervisor_.events().subscribe(
      [this, weak = std::weak_ptr{self_}](const observe::Event&) {
        boost::asio::post(supervisor_.io(), [weak] {
          if (const auto self = weak.lock()) (*self)->look();
        });
      });
}

PidFile::~PidFile() { remove(); }

Result<void> PidFile::check(const std::filesystem::path& file) {
  std::error_code failure;
  if (!std::filesystem::exists(file, failure)) return {};
  constexpr std::size_t kMostDigits = 20;
  const auto content = os::read_file(file, kMostDigits);
  const bool fits =
      content && std::all_of(content->begin(), content->end(), [](char c) {
        return (c >= '0' && c <= '9') || c == '\n';
      });
  if (fits) return {};
  return Error{errc::invalid_argument,
               text::cat("cannot use ", file,
                         " as the PID file: what is there is no PID file")};
}

// Tried again at the next event if it fails; then no file says anything.
void PidFile::look() {
  const os::ProcessId serving = supervisor_.status().pid;
  if (serving == written_) return;
  written_ = 0;
  if (serving == 0) return remove();
  auto written = os::publish_file(file_, text::cat(serving, '\n'));
  if (written) {
    written_ = serving;
    return;
  }
  if (log_) log_(LogLevel::error, written.error().text());
  remove();
}

void PidFile::remove() {
  std::error_code failure;
  std::filesystem::remove(file_, failure);
  if (failure && log_) {
    log_(LogLevel::warning,
         Error{failure, text::cat("cannot remove ", file_)}.text());
  }
}

}  // namespace relaunch::supervisor
