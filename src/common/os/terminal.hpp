// What a program prints on: a person's terminal, or a file or pipe.
#pragma once

#include <optional>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/stream.hpp"

namespace relaunch::os {

/// How many columns; nothing if it is no terminal, or one that does not obey
/// escape sequences. Windows: has the console obey them.
std::optional<unsigned> terminal_width(Stream stream);

/// UTF-8. All of it at once, past every buffer of the language's own streams,
/// so that a live line appears when it is written.
Result<void> write_stream(Stream stream, std::string_view bytes);

/// A stream whose reader has gone is an error of the write, and no more: for a
/// process that must outlive it. POSIX: SIGPIPE is ignored; what is launched
/// gets its default. Windows: it is so.
void outlive_broken_streams();

}  // namespace relaunch::os
