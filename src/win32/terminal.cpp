#include "common/os/terminal.hpp"

#include <algorithm>

#include "win32/win32.hpp"

namespace relaunch::os {
namespace {

HANDLE handle_of(Stream stream) {
  return GetStdHandle(stream == Stream::output ? STD_OUTPUT_HANDLE
                                               : STD_ERROR_HANDLE);
}

}  // namespace

std::optional<unsigned> terminal_width(Stream stream) {
  const HANDLE console = handle_of(stream);
  DWORD mode = 0;
  // Only a console has a mode.
  // https://learn.microsoft.com/windows/console/getconsolemode
  if (!GetConsoleMode(console, &mode)) return std::nullopt;
  // Before Windows 10 1511 there are no escape sequences.
  // https://learn.microsoft.com/windows/console/console-virtual-terminal-sequences
  if (!SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING)) {
    return std::nullopt;
  }
  CONSOLE_SCREEN_BUFFER_INFO info{};
  if (!GetConsoleScreenBufferInfo(console, &info)) return std::nullopt;
  const int width = info.srWindow.Right - info.srWindow.Left + 1;
  return static_cast<unsigned>(std::max(width, 1));
}

Result<void> write_stream(Stream stream, std::string_view bytes) {
  const HANDLE file = handle_of(stream);
  DWORD mode = 0;
  if (GetConsoleMode(file, &mode)) {
    // The console's code page is its owner's: characters go in past it.
    const std::wstring text = win32::wide(bytes);
    DWORD written = 0;
    for (std::size_t at = 0; at < text.size(); at += written) {
      const auto length = static_cast<DWORD>(text.size() - at);
      if (!WriteConsoleW(file, text.data() + at, length, &written, nullptr)) {
        return win32::failure("cannot write the output: WriteConsoleW");
      }
    }
    return {};
  }
  while (!bytes.empty()) {
    DWORD written = 0;
    if (!WriteFile(file, bytes.data(), static_cast<DWORD>(bytes.size()),
                   &written, nullptr)) {
      return win32::failure("cannot write the output: WriteFile");
    }
    bytes.remove_prefix(written);
  }
  return {};
}

void outlive_broken_streams() {}

}  // namespace relaunch::os
