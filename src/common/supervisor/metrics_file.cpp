#include "common/supervisor/metrics_file.hpp"

#include <utility>

#include "common/os/files.hpp"

namespace relaunch::supervisor {

namespace {

constexpr std::chrono::milliseconds kGathered{200};

}  // namespace

MetricsFile::MetricsFile(boost::asio::io_context& io,
                         std::filesystem::path file, Text text,
                         OnError on_error)
    : file_(std::move(file)),
      text_(std::move(text)),
      on_error_(std::move(on_error)),
      timer_(io) {}

MetricsFile::~MetricsFile() { os::remove_if_possible(file_); }

void MetricsFile::changed() {
  if (std::exchange(waiting_, true)) return;
  timer_.arm(kGathered, [this] {
    waiting_ = false;
    write();
  });
}

void MetricsFile::write() {
  if (auto written = os::publish_file(file_, text_()); !written) {
    on_error_(written.error());
  }
}

}  // namespace relaunch::supervisor
