#include "win32/passing.hpp"

#include <cstdint>
#include <cstring>
#include <optional>

#include "win32/transfer.hpp"

namespace relaunch::os::win32 {

namespace {

// The size of what follows, the number of listeners; of each the length of its
// name, and the name; then their handles.
using Number = std::uint32_t;

void put(std::string& content, std::size_t number) {
  const auto value = static_cast<Number>(number);
  content.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::optional<Number> take_number(std::string_view& content) {
  Number number = 0;
  if (content.size() < sizeof number) return std::nullopt;
  std::memcpy(&number, content.data(), sizeof number);
  content.remove_prefix(sizeof number);
  return number;
}

std::string content_of(const std::vector<PassedListener>& listeners,
                       std::string_view handles) {
  std::string content;
  put(content, listeners.size());
  for (const PassedListener& listener : listeners) {
    put(content, listener.name.size());
    content += listener.name;
  }
  content += handles;
  std::string all;
  put(all, content.size());
  return all + content;
}

class View {
 public:
  View(native_handle section, DWORD access)
      : begin_(MapViewOfFile(section, access, 0, 0, 0)) {}
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View() {
    if (begin_ != nullptr) UnmapViewOfFile(begin_);
  }

  char* begin() const { return static_cast<char*>(begin_); }
  std::size_t size() const {
    MEMORY_BASIC_INFORMATION facts{};
    return VirtualQuery(begin_, &facts, sizeof facts) != 0 ? facts.RegionSize
                                                           : 0;
  }

 private:
  void* begin_;
};

std::optional<Passed> parse(std::string_view content) {
  const auto size = take_number(content);
  if (!size || *size > content.size()) return std::nullopt;
  content = content.substr(0, *size);
  const auto count = take_number(content);
  if (!count) return std::nullopt;
  Passed passed;
  for (Number i = 0; i != *count; ++i) {
    const auto length = take_number(content);
    if (!length || *length > content.size()) return std::nullopt;
    passed.names.emplace_back(content.substr(0, *length));
    content.remove_prefix(*length);
  }
  passed.handles = content;
  return passed;
}

}  // namespace

Result<Passing> Passing::prepare(const std::vector<PassedListener>& listeners) {
  const std::size_t size = content_of(listeners, {}).size() +
                           listeners.size() * (1 + sizeof(WSAPROTOCOL_INFOW));
  Handle section =
      own(CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE, 0,
                             static_cast<DWORD>(size), nullptr));
  if (!section) return failure("cannot pass listeners on: CreateFileMappingW");
  return Passing{std::move(section), size};
}

Result<void> Passing::fill(const std::vector<PassedListener>& listeners,
                           ProcessId receiver) const {
  GivenHandles given;
  for (const PassedListener& listener : listeners) {
    auto added = given.add(SendSocket{listener.socket}, receiver);
    if (!added) return added;
  }
  const std::string content = content_of(listeners, given.section());
  const View view{section_.get(), FILE_MAP_WRITE};
  if (view.begin() == nullptr || content.size() > size_) {
    return failure("cannot pass listeners on: MapViewOfFile");
  }
  std::memcpy(view.begin(), content.data(), content.size());
  return {};
}

Result<Passed> read_passed(native_handle section) {
  const View view{section, FILE_MAP_READ};
  if (view.begin() == nullptr) {
    return failure("cannot take the listeners that were passed: MapViewOfFile");
  }
  auto passed = parse({view.begin(), view.size()});
  if (passed) return std::move(*passed);
  return Error{errc::invalid_argument,
               "cannot take the listeners that were passed: not complete"};
}

}  // namespace relaunch::os::win32
