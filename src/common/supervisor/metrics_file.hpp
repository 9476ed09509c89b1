// The metrics in a file, for node_exporter's textfile collector.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "common/base/result.hpp"
#include "common/upgrade/deadline_timer.hpp"

namespace relaunch::supervisor {

/// Written a moment after something changed, never by the clock: who does
/// nothing is not woken. Readers see the old file or the new one.
/// https://github.com/prometheus/node_exporter#textfile-collector
class MetricsFile {
 public:
  using Text = std::function<std::string()>;
  using OnError = std::function<void(const Error&)>;

  MetricsFile(boost::asio::io_context& io, std::filesystem::path file,
              Text text, OnError on_error);
  /// Who is not there any more has no metrics: the file is removed.
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  /// What is told now is written within a fifth of a second, with all that
  /// follows meanwhile: not in the middle of a switch.
  void changed();

 private:
  void write();

  std::filesystem::path file_;
  Text text_;
  OnError on_error_;
  upgrade::DeadlineTimer timer_;
  bool waiting_ = false;
};

}  // namespace relaunch::supervisor
