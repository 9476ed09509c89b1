#include "common/release/tree.hpp"

#include <algorithm>
#include <string_view>

#include "common/base/text.hpp"
#include "common/os/files.hpp"

namespace relaunch::release {
namespace {

namespace fs = std::filesystem;

Error unreadable(const fs::path& path, std::error_code code) {
  return Error{code, text::cat("cannot read ", path)};
}

/// "hello.relaunch-4121", "hello.relaunch-4121.copy": see os/files.hpp.
bool is_moved_aside(std::string_view name) {
  constexpr std::string_view kMark = ".relaunch-";
  const std::size_t at = name.rfind(kMark);
  if (at == name.npos || at + kMark.size() >= name.size()) return false;
  const char next = name[at + kMark.size()];
  return next >= '0' && next <= '9';
}

Result<TreeEntry> describe(const fs::path& path, std::string name,
                           const fs::file_status& status) {
  using Kind = TreeEntry::Kind;
  TreeEntry entry{Kind::file, std::move(name), path, {}};
  std::error_code failure;
  switch (status.type()) {
    case fs::file_type::regular:
      if (os::is_executable(path)) entry.kind = Kind::program;
      return entry;
    case fs::file_type::directory:
      entry.kind = Kind::folder;
      return entry;
    case fs::file_type::symlink:
      entry.kind = Kind::link;
      entry.leads_to = fs::read_symlink(path, failure);
      if (failure) return unreadable(path, failure);
      return entry;
    default:
      return Error{errc::invalid_argument,
                   text::cat("cannot take ", path,
                             " into a release: it is no file, folder or link")};
  }
}

Result<void> list_folder(const fs::path& folder, const std::string& prefix,
                         std::vector<TreeEntry>& out) {
  std::error_code failure;
  fs::directory_iterator at{folder, failure};
  for (const fs::directory_iterator end; !failure && at != end;
       at.increment(failure)) {
    const fs::path path = at->path();
    const std::string name = text::utf8(path.filename());
    const fs::file_status status = fs::symlink_status(path, failure);
    if (failure) break;
    if (fs::is_regular_file(status) && is_moved_aside(name)) continue;
    auto entry = describe(path, prefix + name, status);
    if (!entry) return entry.error();
    const bool deeper = entry->kind == TreeEntry::Kind::folder;
    out.push_back(std::move(*entry));
    if (!deeper) continue;
    if (auto listed = list_folder(path, prefix + name + '/', out); !listed) {
      return listed;
    }
  }
  if (failure) return unreadable(folder, failure);
  return {};
}

Result<std::vector<TreeEntry>> list(const fs::path& given) {
  std::error_code failure;
  fs::path root = given;
  if (fs::is_symlink(fs::symlink_status(root, failure))) {
    root = fs::canonical(root, failure);
    if (failure) return unreadable(given, failure);
  }
  const fs::file_status status = fs::status(root, failure);
  if (!fs::exists(status)) {
    if (!failure)
      failure = make_error_code(std::errc::no_such_file_or_directory);
    return unreadable(given, failure);
  }
  std::vector<TreeEntry> entries;
  if (fs::is_directory(status)) {
    if (auto listed = list_folder(root, {}, entries); !listed) {
      return listed.error();
    }
  } else {
    auto entry = describe(root, text::utf8(given.filename()), status);
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

}  // namespace

Result<std::vector<TreeEntry>> list_tree(const fs::path& root) {
  try {
    return list(root);
  } catch (const fs::filesystem_error& error) {
    // A Windows name that is no UTF-16 has no UTF-8 form.
    return unreadable(root, error.code());
  }
}

}  // namespace relaunch::release
