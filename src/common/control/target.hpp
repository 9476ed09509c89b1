// What a control endpoint reaches: a supervisor, or a server that embeds the
// library.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/observe/event_log.hpp"
#include "relaunch/upgrader.hpp"

namespace relaunch::control {

struct UpgradeOrder {
  UpgradeRequest request;
  /// Staged in place of the configured artifact, and nothing is built.
  std::filesystem::path artifact;
  /// A kept release; "previous": the one that was committed before.
  std::string release;
  /// In place of those that the program was started with, its name not among
  /// them.
  std::optional<std::vector<std::string>> arguments;
};

enum class StopMode {
  drain,                   ///< each generation has the drain deadline
  drain_without_deadline,  ///< as long as it takes
  now,                     ///< asked at once, and killed after the grace
};

/// All calls and callbacks on the library's thread.
class Target {
 public:
  using OnLine = std::function<void(std::string_view)>;
  using OnEnd = std::function<void(const Outcome&)>;

  virtual ~Target() = default;
  virtual void upgrade(UpgradeOrder order, OnLine on_line, OnEnd on_end) = 0;
  /// False: nothing is under way.
  virtual bool abort() = 0;
  virtual void stop(StopMode mode) = 0;
  /// The configuration is read again, and a new generation started with it.
  /// Refused with errc::not_permitted where there is nothing to read again.
  virtual void reload(OnEnd on_end) = 0;
  /// Another build takes the place of the supervisor itself, and its
  /// generations serve on. `done` when that is certain, just before it, or
  /// with the reason why not.
  virtual void replace_supervisor(
      std::function<void(const Result<void>&)> done) {
    done(Error{errc::not_permitted, "there is no supervisor to replace"});
  }
  virtual boost::json::object status() const = 0;
  virtual boost::json::array history() const = 0;
  virtual std::string metrics() const = 0;
  virtual observe::EventLog& events() = 0;
};

}  // namespace relaunch::control
