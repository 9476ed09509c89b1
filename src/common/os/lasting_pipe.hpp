// What a generation writes to, which outlives whoever reads it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/os/process.hpp"
#include "common/os/stream.hpp"

namespace relaunch::os {

/// One standard stream of a program whose reader may be killed: writing is no
/// error then (no SIGPIPE), and does not wait until the pipe is full; another
/// process may go on to read where the first one stopped.
///
/// That takes an open reading end which does not end with the reader. POSIX:
/// the program's own end is open for reading too, which Linux allows through
/// /proc (without it the pipe is a plain one). Windows: the program's process
/// holds a duplicate of the reading end, of which it does not know.
///
/// On the io_context's thread.
class LastingPipe {
 public:
  static Result<LastingPipe> open(boost::asio::io_context& io, Stream stream);
  /// To read on what `writer` writes, in another process than the first one.
  /// `place`: what keep_with() answered there; the process must have been
  /// proved to be the same. Errors: it has ended, its stream is another one by
  /// now, or the system does not permit it.
  static Result<LastingPipe> take_back(boost::asio::io_context& io,
                                       const Process& writer,
                                       std::string_view place);
  LastingPipe(LastingPipe&&) noexcept;
  LastingPipe& operator=(LastingPipe&&) noexcept;
  ~LastingPipe();  ///< no call comes afterwards

  /// For the launch; then close it here.
  native_handle child_end() const;
  void close_child_end();
  /// Once, with the process that was launched. Answers where another process
  /// finds the stream: one word without blanks.
  Result<std::string> keep_with(const Process& writer);

  /// `on_bytes` for each piece of at most 16 KiB; an empty piece means the
  /// end, once: all who could write are gone.
  void start(std::function<void(std::string_view)> on_bytes);
  /// After pause() at most one more piece comes; what is written meanwhile
  /// waits in the pipe.
  void pause();
  void resume();
  /// Passes on what is in the pipe now, before it returns; then the end.
  void finish();

 private:
  struct Impl;
  explicit LastingPipe(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace relaunch::os
