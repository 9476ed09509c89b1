#include "relaunch/error.hpp"

namespace relaunch {
namespace {

const char* sentence(errc code) noexcept {
  switch (code) {
    case errc::busy:
      return "another upgrade is under way";
    case errc::not_permitted:
      return "this process cannot be replaced";
    case errc::invalid_argument:
      return "invalid argument";
    case errc::stopped:
      return "stopped on request";
    case errc::build_failed:
      return "the build failed";
    case errc::build_timeout:
      return "the build did not end in time";
    case errc::artifact_missing:
      return "bad artifact";
    case errc::release_held:
      return "this release failed before and is held";
    case errc::successor_exited:
      return "the successor ended before its commit";
    case errc::hello_timeout:
      return "the successor said nothing in time";
    case errc::ready_timeout:
      return "the successor was not ready in time";
    case errc::unhealthy:
      return "the successor is not healthy";
    case errc::handover_refused:
      return "the handover was refused";
    case errc::switch_timeout:
      return "the turn was not passed in time";
    case errc::incumbent_exited:
      return "the incumbent ended during the upgrade";
    case errc::version_mismatch:
      return "no common protocol version";
    case errc::malformed_frame:
      return "malformed frame";
    case errc::unexpected_message:
      return "unexpected message";
    case errc::channel_lost:
      return "the other side closed the channel";
  }
  return "unknown error";
}

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "relaunch"; }
  std::string message(int value) const override {
    return sentence(static_cast<errc>(value));
  }
};

}  // namespace

const std::error_category& relaunch_category() noexcept {
  static const Category category;
  return category;
}

}  // namespace relaunch
