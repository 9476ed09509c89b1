#include "common/release/store.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "common/os/process.hpp"
#include "common/os/system.hpp"
#include "common/os/temporary_name.hpp"
#include "common/release/record_file.hpp"
#include "common/release/records.hpp"
#include "common/release/tree.hpp"
#include "common/release/tree_hash.hpp"

namespace relaunch::release {
namespace {

namespace fs = std::filesystem;
using text::cat;

constexpr std::size_t kMaxRecordBytes = 1024 * 1024;
constexpr std::size_t kMaxHistory = 64;
constexpr std::size_t kMaxHeld = 100;
constexpr std::size_t kMaxReasonBytes = 4096;
constexpr std::string_view kStaging = ".staging-";
constexpr std::string_view kRemoved = ".removed-";

/// Removed when it goes out of scope, unless it was given its name.
class Unfinished {
 public:
  explicit Unfinished(fs::path folder) : folder_(std::move(folder)) {}
  ~Unfinished() {
    if (!folder_.empty()) os::remove_if_possible(folder_);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const fs::path& folder() const { return folder_; }
  void finish() { folder_.clear(); }

 private:
  fs::path folder_;
};

bool is_id(std::string_view id) {
  return id.size() == 32 && id.find_first_not_of("0123456789abcdef") == id.npos;
}

/// Does it stay below where it starts?
bool is_inside(const fs::path& relative) {
  if (relative.empty() || relative.has_root_path()) return false;
  const fs::path plain = relative.lexically_normal();
  return *plain.begin() != "..";
}

/// Nothing if the record was damaged: a path ends at a NUL, and Windows has
/// none that is no UTF-8.
std::optional<fs::path> path_in(const ReleaseRecord& record) try {
  if (record.executable.find('\0') != std::string::npos) return {};
  return text::path_from_utf8(record.executable);
} catch (const std::system_error&) {
  return {};
}

/// A link "lib/a" leads on from "lib".
bool leads_outside(const TreeEntry& link) {
  if (link.leads_to.has_root_path()) return true;
  const fs::path from = text::path_from_utf8(link.name).parent_path();
  return !is_inside(from / link.leads_to);
}

Error missing(const fs::path& path, std::string_view why) {
  return Error{errc::artifact_missing,
               cat("cannot stage ", path, ": it ", why)};
}

/// Where in the artifact the executable is; it is there and can be run.
Result<fs::path> find_executable(const Artifact& artifact) {
  std::error_code ignored;
  const fs::file_status status = fs::status(artifact.path, ignored);
  if (!fs::exists(status)) return missing(artifact.path, "does not exist");
  const bool folder = fs::is_directory(status);
  if (folder && !is_inside(artifact.executable)) {
    return Error{errc::invalid_argument,
                 cat("cannot stage the folder ", artifact.path,
                     ": no executable inside it was named, but '",
                     artifact.executable, "'")};
  }
  const fs::path program =
      folder ? artifact.path / artifact.executable : artifact.path;
  if (!fs::is_regular_file(program, ignored)) {
    return missing(program, fs::exists(program, ignored) ? "is no regular file"
                                                         : "does not exist");
  }
  if (!os::is_executable(program)) {
    return missing(program, "is not executable");
  }
  return folder ? artifact.executable.lexically_normal() : program.filename();
}

Result<void> copy_entry(const TreeEntry& entry, const fs::path& to) {
  std::error_code failure;
  switch (entry.kind) {
    case TreeEntry::Kind::folder:
      fs::create_directory(to, failure);
      if (failure) return Error{failure, cat("cannot make folder ", to)};
      return {};
    case TreeEntry::Kind::link:
      if (leads_outside(entry)) {
        return Error{errc::invalid_argument,
                     cat("cannot stage ", entry.path,
                         ": the link leads out of the artifact")};
      }
      fs::copy_symlink(entry.path, to, failure);
      if (failure) return Error{failure, cat("cannot copy link ", entry.path)};
      return {};
    default:
      break;
  }
  if (auto copied = os::copy_file(entry.path, to); !copied) return copied;
  if (auto synced = os::sync_file(to); !synced) return synced;
  // Folders stay writable, so that an operator can remove a release.
  fs::permissions(
      to,
      fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write,
      fs::perm_options::remove, failure);
  if (failure) return Error{failure, cat("cannot make ", to, " read-only")};
  return {};
}

Result<void> copy_tree(const fs::path& from, const fs::path& to,
                       const std::atomic<bool>& cancelled) {
  const auto entries = list_tree(from);
  if (!entries) return entries.error();
  for (const TreeEntry& entry : *entries) {
    if (cancelled) return Error{errc::stopped, cat("cannot stage ", from)};
    const fs::path copy = to / text::path_from_utf8(entry.name);
    if (auto copied = copy_entry(entry, copy); !copied) return copied;
  }
  return {};
}

/// Windows: a virus scanner that looks at a new program holds its folder for a
/// moment.
Result<void> rename_patiently(const fs::path& from, const fs::path& to,
                              const std::atomic<bool>& cancelled) {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + std::chrono::seconds{2};
  for (;;) {
    std::error_code failure;
    fs::rename(from, to, failure);
    if (!failure) return {};
    if (failure != std::errc::permission_denied || cancelled ||
        steady_clock::now() >= deadline) {
      return Error{failure, cat("cannot rename ", from, " to ", to)};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
}

/// ".staging-<pid>-1", ".new-<pid>-1": does the process that made it still run?
bool is_abandoned(std::string_view name) {
  if (name.starts_with(kRemoved)) return true;
  const std::string_view prefix =
      name.starts_with(kStaging) ? kStaging : os::kTemporaryPrefix;
  if (!name.starts_with(prefix)) return false;
  std::uint32_t pid = 0;
  for (const char c : name.substr(prefix.size())) {
    if (c < '0' || c > '9') break;
    pid = pid * 10 + static_cast<std::uint32_t>(c - '0');
  }
  // In a container a program may get the same number each time.
  if (pid == 0 || pid == os::own_process_id()) return true;
  const auto process = os::open_process(pid);
  return !process || process->gone();
}

/// Removes what a process that is gone had begun.
Result<void> remove_abandoned(const fs::path& folder) {
  std::error_code failure;
  std::vector<fs::path> abandoned;
  fs::directory_iterator at{folder, failure};
  for (const fs::directory_iterator end; !failure && at != end;
       at.increment(failure)) {
    if (is_abandoned(text::utf8(at->path().filename()))) {
      abandoned.push_back(at->path());
    }
  }
  if (failure) return Error{failure, cat("cannot read the folder ", folder)};
  for (const fs::path& each : abandoned) os::remove_if_possible(each);
  return {};
}

}  // namespace

Store::Store(fs::path folder)
    : folder_(std::move(folder)), releases_(folder_ / "releases") {}

Result<Store> Store::open(const fs::path& folder) {
  std::error_code failure;
  Store store{fs::absolute(folder, failure)};
  for (const fs::path& each : {store.folder_, store.releases_}) {
    if (auto made = os::make_private_folder(each); !made) return made.error();
    if (auto tidy = remove_abandoned(each); !tidy) return tidy.error();
  }
  return store;
}

Result<Release> Store::stage(const Artifact& artifact,
                             const std::atomic<bool>& cancelled) {
  const auto executable = find_executable(artifact);
  if (!executable) return executable.error();
  Unfinished copy{releases_ /
                  text::path_from_utf8(cat(kStaging, os::own_process_id()))};
  os::remove_if_possible(copy.folder());
  if (auto made = os::make_private_folder(copy.folder()); !made) {
    return made.error();
  }
  if (auto copied = copy_tree(artifact.path, copy.folder(), cancelled);
      !copied) {
    return copied.error();
  }
  // Of the copy, so that what is started is what was hashed.
  const auto id = hash_tree(copy.folder(), cancelled);
  if (!id) return id.error();
  if (auto there = find(*id)) return *there;

  const fs::path target = releases_ / *id;
  std::error_code ignored;
  if (fs::exists(target, ignored)) {
    // Its record was lost; what it holds may be whole, and even run.
    const auto old = hash_tree(target, cancelled);
    if (!old || *old != *id) os::remove_if_possible(target);
  }
  if (!fs::exists(target, ignored)) {
    auto renamed = rename_patiently(copy.folder(), target, cancelled);
    if (!renamed) return renamed.error();
    copy.finish();
  }
  // Last, since it is what makes the release whole; this also puts the folder's
  // new name on the disk.
  const auto recorded = os::write_durably(
      releases_ / (*id + ".json"),
      write_release({text::utf8(fs::path{executable->generic_u8string()}),
                     text::utf8(artifact.path)}));
  if (!recorded) {
    os::remove_if_possible(target);
    return recorded.error();
  }
  return Release{*id, target / *executable};
}

std::optional<Release> Store::find(std::string_view id) const {
  if (!is_id(id)) return {};
  const std::string name{id};
  const auto bytes =
      os::read_file(releases_ / (name + ".json"), kMaxRecordBytes);
  if (!bytes) return {};
  const auto record = read_release(*bytes);
  if (!record) return {};
  const auto executable = path_in(*record);
  if (!executable || !is_inside(*executable)) return {};
  Release release{name, releases_ / name / *executable};
  if (!os::is_executable(release.executable)) return {};
  std::error_code ignored;
  if (!fs::is_regular_file(release.executable, ignored)) return {};
  return release;
}

std::optional<Current> Store::current() const {
  const auto bytes = read_record(folder_ / kCommitted);
  if (!bytes) return {};
  const auto record = read_current(*bytes);
  if (!record) return {};
  return record->current;
}

Result<void> Store::set_current(const Current& current) {
  const fs::path file = folder_ / kCommitted;
  CurrentRecord record{current, {}};
  if (const auto bytes = read_record(file)) {
    if (auto old = read_current(*bytes)) record.history = old->history;
  }
  if (!current.release.empty()) {
    std::erase(record.history, current.release);
    record.history.insert(record.history.begin(), current.release);
  }
  if (record.history.size() > kMaxHistory) record.history.resize(kMaxHistory);
  return write_record(file, write_current(record));
}

namespace {

std::vector<HeldRecord> held_in(const fs::path& folder) {
  const auto bytes = os::read_file(folder / "held.json", kMaxRecordBytes);
  return bytes ? read_held(*bytes) : std::vector<HeldRecord>{};
}

Result<void> write_held_in(const fs::path& folder,
                           const std::vector<HeldRecord>& records) {
  return os::write_durably(folder / "held.json", write_held(records));
}

std::size_t forget(std::vector<HeldRecord>& records, std::string_view id) {
  return std::erase_if(records,
                       [id](const auto& each) { return each.release == id; });
}

}  // namespace

std::optional<std::string> Store::held(std::string_view id) const {
  for (const HeldRecord& each : held_in(folder_)) {
    if (each.release == id) return each.reason;
  }
  return {};
}

Result<void> Store::hold(std::string_view id, std::string_view reason) {
  auto records = held_in(folder_);
  forget(records, id);
  records.push_back(
      {std::string{id}, text::valid_utf8(reason.substr(0, kMaxReasonBytes))});
  if (records.size() > kMaxHeld) records.erase(records.begin());
  return write_held_in(folder_, records);
}

Result<void> Store::release_hold(std::string_view id) {
  auto records = held_in(folder_);
  if (forget(records, id) == 0) return {};
  return write_held_in(folder_, records);
}

namespace {

struct Candidate {
  std::string id;
  std::ptrdiff_t age;  ///< in commits
  fs::file_time_type staged;
};

/// The releases that are not in use, the newest first. What was never
/// committed counts as older than what was.
std::vector<Candidate> list_candidates(const fs::path& releases,
                                       const std::vector<std::string>& history,
                                       const std::vector<std::string>& in_use) {
  std::vector<Candidate> candidates;
  std::error_code failure;
  fs::directory_iterator at{releases, failure};
  for (const fs::directory_iterator end; !failure && at != end;
       at.increment(failure)) {
    const std::string id = text::utf8(at->path().filename());
    if (!is_id(id)) continue;
    if (std::find(in_use.begin(), in_use.end(), id) != in_use.end()) continue;
    const auto commit = std::find(history.begin(), history.end(), id);
    std::error_code ignored;
    candidates.push_back({id, commit - history.begin(),
                          fs::last_write_time(at->path(), ignored)});
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) {
              if (a.age != b.age) return a.age < b.age;
              return a.staged > b.staged;
            });
  return candidates;
}

}  // namespace

std::optional<Release> Store::previous() const {
  const auto bytes = read_record(folder_ / kCommitted);
  const auto record = bytes ? read_current(*bytes) : std::nullopt;
  if (!record) return {};
  for (const std::string& id : record->history) {
    if (id == record->current.release) continue;
    if (auto release = find(id)) return release;
  }
  return {};
}

Result<Release> Store::kept(const std::string& name) const {
  const bool before = name == "previous";
  auto found = before ? previous() : find(name);
  if (found) return std::move(*found);
  return Error{errc::artifact_missing,
               before ? "no release that was committed before is kept"
                      : cat("release ", text::printable(name), " is not kept")};
}

void Store::prune(unsigned keep, const std::vector<std::string>& in_use) {
  std::vector<std::string> history;
  std::vector<std::string> kept = in_use;
  const auto bytes = read_record(folder_ / kCommitted);
  if (auto record = bytes ? read_current(*bytes) : std::nullopt) {
    history = std::move(record->history);
    kept.push_back(record->current.release);
  }
  const auto candidates = list_candidates(releases_, history, kept);
  for (std::size_t i = keep; i < candidates.size(); ++i) {
    const std::string& id = candidates[i].id;
    const fs::path removed =
        releases_ / text::path_from_utf8(cat(kRemoved, id));
    std::error_code busy;
    fs::rename(releases_ / id, removed, busy);
    // Windows: a folder whose program runs keeps its name, and stays whole.
    if (busy) continue;
    os::remove_if_possible(releases_ / (id + ".json"));
    os::remove_if_possible(removed);
  }
}

}  // namespace relaunch::release
