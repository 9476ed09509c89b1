#include "common/supervisor/pid_file.hpp"

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

void PidFile::look() {
  const os::ProcessId serving = supervisor_.status().pid;
  if (serving == written_) return;
  written_ = serving;
  if (serving == 0) return remove();
  auto written = os::publish_file(file_, text::cat(serving, '\n'));
  if (!written && log_) log_(LogLevel::error, written.error().text());
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
