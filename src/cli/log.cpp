#include "cli/log.hpp"

#include <spdlog/details/file_helper.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <utility>

#include "common/base/text.hpp"

namespace relaunch::cli {

using supervisor::LineWriter;
using supervisor::LogFormat;

namespace {

using Base = spdlog::sinks::base_sink<spdlog::details::null_mutex>;

/// To a file that a log rotation may rename, or to a stream that may stand
/// still.
class Sink final : public Base {
 public:
  explicit Sink(LineWriter& error) : error_(error) {}

  /// Throws spdlog::spdlog_ex.
  void open(const std::filesystem::path& name) {
    name_ = name.native();
    file_.open(name_);
    to_file_ = true;
  }
  void reopen() {
    if (to_file_) file_.reopen(false);
  }
  std::filesystem::path name() const { return name_; }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (!to_file_) return error_.write({line.data(), line.size()});
    file_.write(line);
    file_.flush();  // whoever looks, also after a kill, sees the last line
  }
  void flush_() override {}

  LineWriter& error_;
  spdlog::details::file_helper file_;
  spdlog::filename_t name_;
  bool to_file_ = false;
};

// spdlog's own words name neither the call nor, in one piece, the reason.
Error cannot_open(const std::filesystem::path& file) {
  const std::error_code code{errno, std::generic_category()};
  return Error{code, text::cat("cannot open the log ", file, ": fopen")};
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    default:
      return spdlog::level::info;
  }
}

}  // namespace

struct Log::Impl {
  Impl(LogFormat how, LineWriter& error)
      : format(how),
        sink(std::make_shared<Sink>(error)),
        logger("relaunch", sink) {
    // The lines of the other two have their time and level in them.
    const char* const pattern =
        format == LogFormat::text ? "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v" : "%v";
    logger.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        pattern, spdlog::pattern_time_type::utc, "\n"));
    logger.set_level(spdlog::level::info);
    logger.set_error_handler([&error](const std::string& what) {
      error.write("relaunch: cannot write the log: " + text::printable(what) +
                  "\n");
    });
  }

  void write(const observe::Event& event) {
    const auto level = level_of(event.level);
    if (!logger.should_log(level)) return;
    switch (format) {
      case LogFormat::text:
        return logger.log(level, spdlog::string_view_t{to_text(event)});
      case LogFormat::logfmt:
        return logger.log(level, spdlog::string_view_t{to_logfmt(event)});
      case LogFormat::json:
        return logger.log(level, spdlog::string_view_t{
                                     boost::json::serialize(to_json(event))});
    }
  }

  LogFormat format;
  std::shared_ptr<Sink> sink;
  spdlog::logger logger;
};

Log::Log(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Log::Log(Log&&) noexcept = default;
Log::~Log() = default;

Result<Log> Log::open(LogFormat format, const std::filesystem::path& file,
                      LineWriter& error) {
  auto impl = std::make_shared<Impl>(format, error);
  try {
    if (!file.empty()) impl->sink->open(file);
  } catch (const spdlog::spdlog_ex&) {
    return cannot_open(file);
  }
  return Log{std::move(impl)};
}

void Log::write(const observe::Event& event) { impl_->write(event); }

LogSink Log::sink() const {
  return [impl = impl_](LogLevel level, std::string_view line) {
    observe::Event event;
    event.time = std::chrono::system_clock::now();
    event.name = observe::name::kLog;
    event.level = level;
    event.message = line;
    impl->write(event);
  };
}

Result<void> Log::reopen() {
  try {
    impl_->sink->reopen();
  } catch (const spdlog::spdlog_ex&) {
    return cannot_open(impl_->sink->name());
  }
  return {};
}

}  // namespace relaunch::cli
