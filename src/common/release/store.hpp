// Releases: builds staged under the hash of their content.
//
//   <state>/releases/<hash>/…        the artifact's files
//   <state>/releases/<hash>.json     where it came from, its executable
//   <state>/committed                the committed release and its generation
//   <state>/held.json                releases that failed, with the reason
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace relaunch::release {

/// The record of the committed release, a file of two slots.
inline constexpr char kCommitted[] = "committed";

struct Artifact {
  std::filesystem::path path;        ///< a file, or a folder
  std::filesystem::path executable;  ///< inside the folder; empty for a file
};

struct Release {
  std::string id;                    ///< content hash
  std::filesystem::path executable;  ///< absolute, in the release's folder
};

struct Current {
  std::string release;
  std::uint32_t generation = 0;
  std::uint32_t pid = 0;
};

/// One thread at a time.
class Store {
 public:
  /// Makes the folders, private to this user, and removes what an interrupted
  /// staging left. Errors: they cannot be made, or others may write there.
  static Result<Store> open(const std::filesystem::path& folder);

  /// Copies the artifact under its hash, read-only, with its metadata. A
  /// release that is there already is used as it is. Errors:
  /// errc::artifact_missing (with the path; also: no executable in it),
  /// errc::stopped, or of the file system; nothing is left of a release that
  /// was not finished.
  Result<Release> stage(const Artifact& artifact,
                        const std::atomic<bool>& cancelled);
  /// Nothing if it is not there or not whole.
  std::optional<Release> find(std::string_view id) const;

  /// The release that was committed before the current one, if it is kept.
  std::optional<Release> previous() const;
  /// By its id, or as "previous". Error: errc::artifact_missing.
  Result<Release> kept(const std::string& name) const;

  /// Nothing if there is none, or it is unreadable.
  std::optional<Current> current() const;
  /// Durable when it returns; on an error the old record stands.
  Result<void> set_current(const Current& current);

  /// Why this release must not be started again; nothing if it may.
  std::optional<std::string> held(std::string_view id) const;
  Result<void> hold(std::string_view id, std::string_view reason);
  Result<void> release_hold(std::string_view id);

  /// Removes all but the `keep` newest releases beside the current one and
  /// those in `in_use`; newest by commit, then by staging.
  /// Never an error: what cannot be removed (Windows: it still runs) is tried
  /// another time.
  void prune(unsigned keep, const std::vector<std::string>& in_use);

  const std::filesystem::path& folder() const { return folder_; }

 private:
  explicit Store(std::filesystem::path folder);
  std::filesystem::path folder_;
  std::filesystem::path releases_;
};

}  // namespace relaunch::release
