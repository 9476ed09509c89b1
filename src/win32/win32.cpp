#include "win32/win32.hpp"

#include <mutex>

namespace relaunch::os {

namespace fs = std::filesystem;

namespace win32 {

std::wstring wide(std::string_view utf8) {
  if (utf8.empty()) return {};
  const int bytes = static_cast<int>(utf8.size());
  const int length =
      MultiByteToWideChar(CP_UTF8, 0, utf8.data(), bytes, nullptr, 0);
  std::wstring out(static_cast<std::size_t>(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, utf8.data(), bytes, out.data(), length);
  return out;
}

std::string narrow(std::wstring_view utf16) {
  if (utf16.empty()) return {};
  const int units = static_cast<int>(utf16.size());
  const int length = WideCharToMultiByte(CP_UTF8, 0, utf16.data(), units,
                                         nullptr, 0, nullptr, nullptr);
  std::string out(static_cast<std::size_t>(length), '\0');
  WideCharToMultiByte(CP_UTF8, 0, utf16.data(), units, out.data(), length,
                      nullptr, nullptr);
  return out;
}

Result<Handle> duplicate(native_handle handle, bool inheritable) {
  HANDLE copy = nullptr;
  if (handle == nullptr || handle == kNoHandle) {
    return failure("cannot duplicate a handle", ERROR_INVALID_HANDLE);
  }
  if (!DuplicateHandle(GetCurrentProcess(), handle, GetCurrentProcess(), &copy,
                       0, inheritable ? TRUE : FALSE, DUPLICATE_SAME_ACCESS)) {
    return failure("cannot duplicate a handle: DuplicateHandle");
  }
  return Handle{copy};
}

std::wstring quoted(std::wstring_view argument) {
  if (!argument.empty() &&
      argument.find_first_of(L" \t\n\v\"") == argument.npos) {
    return std::wstring{argument};
  }
  std::wstring out = L"\"";
  std::size_t backslashes = 0;  // double only in front of a quote or the end
  for (const wchar_t unit : argument) {
    if (unit == L'\\') {
      ++backslashes;
      continue;
    }
    out.append(unit == L'"' ? backslashes * 2 + 1 : backslashes, L'\\');
    backslashes = 0;
    out += unit;
  }
  out.append(backslashes * 2, L'\\');
  return out + L"\"";
}

namespace {

bool is_blank(wchar_t unit) { return unit == L' ' || unit == L'\t'; }

// The program's name: quotes only, a backslash is never special.
std::wstring take_program(std::wstring_view& line) {
  std::wstring out;
  bool inside = false;
  std::size_t at = 0;
  for (; at != line.size() && (inside || !is_blank(line[at])); ++at) {
    if (line[at] == L'"') {
      inside = !inside;
    } else {
      out += line[at];
    }
  }
  line.remove_prefix(at);
  return out;
}

std::wstring take_argument(std::wstring_view& line) {
  std::wstring out;
  bool inside = false;
  std::size_t at = 0;
  while (at != line.size() && (inside || !is_blank(line[at]))) {
    std::size_t backslashes = 0;
    for (; at != line.size() && line[at] == L'\\'; ++at) ++backslashes;
    const bool quote = at != line.size() && line[at] == L'"';
    out.append(quote ? backslashes / 2 : backslashes, L'\\');
    if (!quote) {
      if (backslashes == 0) out += line[at++];
    } else if (backslashes % 2 == 1) {
      out += line[at++];
    } else if (inside && at + 1 != line.size() && line[at + 1] == L'"') {
      out += L'"';  // two quotes inside a quoted part are one
      at += 2;
    } else {
      inside = !inside;
      ++at;
    }
  }
  line.remove_prefix(at);
  return out;
}

}  // namespace

std::vector<std::wstring> split_command_line(std::wstring_view line) {
  std::vector<std::wstring> words{take_program(line)};
  for (;;) {
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    if (line.empty()) return words;
    words.push_back(take_argument(line));
  }
}

namespace {

struct MovedImage {
  std::mutex mutex;
  fs::path path;  // empty: not moved by us
};
MovedImage& moved_image() {
  static MovedImage image;
  return image;
}

}  // namespace

Result<fs::path> running_image_path() {
  {
    const std::lock_guard lock{moved_image().mutex};
    if (!moved_image().path.empty()) return moved_image().path;
  }
  std::wstring path(MAX_PATH, L'\0');
  for (;;) {
    DWORD length = static_cast<DWORD>(path.size());
    if (QueryFullProcessImageNameW(GetCurrentProcess(), 0, path.data(),
                                   &length)) {
      path.resize(length);
      return fs::path{path};
    }
    if (GetLastError() != ERROR_INSUFFICIENT_BUFFER || path.size() > 65536) {
      return failure(
          "cannot find the running program's file: "
          "QueryFullProcessImageNameW");
    }
    path.resize(path.size() * 2);
  }
}

void remember_image_path(fs::path path) {
  const std::lock_guard lock{moved_image().mutex};
  moved_image().path = std::move(path);
}

std::wstring stop_event_name(ProcessId id) {
  return L"Local\\relaunch-stop-" + std::to_wstring(id);
}

}  // namespace win32

}  // namespace relaunch::os
