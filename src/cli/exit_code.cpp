#include "cli/exit_code.hpp"

#include <array>
#include <boost/system/error_code.hpp>
#include <boost/system/system_category.hpp>

namespace relaunch::cli {
namespace {

constexpr std::array kTable = {
    ExitCodeMeaning{ExitCode::done, "done"},
    ExitCodeMeaning{ExitCode::nothing_to_do,
                    "nothing to do: the build is the release that runs, or "
                    "nothing is under way"},
    ExitCodeMeaning{ExitCode::failed, "failed, and the old one serves"},
    ExitCodeMeaning{ExitCode::rolled_back,
                    "rolled back in probation: the old one serves again"},
    ExitCodeMeaning{ExitCode::usage, "the command line cannot be understood"},
    ExitCodeMeaning{ExitCode::artifact,
                    "bad artifact: not there, or a release that is held"},
    ExitCodeMeaning{ExitCode::unreachable,
                    "not reachable: no such instance, or an address that "
                    "cannot be had"},
    ExitCodeMeaning{ExitCode::internal,
                    "internal error, or it failed and nobody serves"},
    ExitCodeMeaning{ExitCode::io, "input or output failed"},
    ExitCodeMeaning{ExitCode::busy,
                    "busy: an upgrade is under way, or the name is taken"},
    ExitCodeMeaning{ExitCode::protocol,
                    "protocol mismatch: the two sides share no version"},
    ExitCodeMeaning{ExitCode::not_permitted, "not permitted"},
    ExitCodeMeaning{ExitCode::configuration,
                    "the configuration means something impossible"},
};

ExitCode of_own_error(errc code) {
  switch (code) {
    case errc::busy:
      return ExitCode::busy;
    case errc::not_permitted:
      return ExitCode::not_permitted;
    case errc::invalid_argument:
      return ExitCode::configuration;
    case errc::artifact_missing:
    case errc::release_held:
      return ExitCode::artifact;
    case errc::version_mismatch:
    case errc::malformed_frame:
    case errc::unexpected_message:
      return ExitCode::protocol;
    case errc::stopped:
    case errc::channel_lost:
      return ExitCode::unreachable;
    case errc::build_failed:
    case errc::build_timeout:
    case errc::successor_exited:
    case errc::hello_timeout:
    case errc::ready_timeout:
    case errc::unhealthy:
    case errc::handover_refused:
    case errc::switch_timeout:
    case errc::incumbent_exited:
      return ExitCode::failed;
  }
  return ExitCode::internal;
}

/// Before the switch: most causes are one end for a script, but these call for
/// something else than another build.
ExitCode of_failed(const Outcome& outcome) {
  for (const errc other :
       {errc::artifact_missing, errc::release_held, errc::version_mismatch}) {
    if (outcome.code == other) return of_own_error(other);
  }
  return outcome.serving_pid == 0 ? ExitCode::internal : ExitCode::failed;
}

/// What crossed a link has the category of the standard library, which on
/// mingw-w64 does not know what Winsock's codes mean. Boost's does.
std::error_code well_known(const std::error_code& code) {
  if (code.category() != std::system_category()) return code;
  return boost::system::error_code{code.value(),
                                   boost::system::system_category()};
}

}  // namespace

std::span<const ExitCodeMeaning> exit_codes() { return kTable; }

ExitCode exit_code(const Outcome& outcome) {
  switch (outcome.result) {
    case Outcome::Result::done:
      return ExitCode::done;
    case Outcome::Result::nothing_to_do:
      return ExitCode::nothing_to_do;
    case Outcome::Result::failed:
      return of_failed(outcome);
    case Outcome::Result::rolled_back:
      return ExitCode::rolled_back;
    case Outcome::Result::refused:
      return exit_code(Error{outcome.code, {}});
  }
  return ExitCode::internal;
}

ExitCode exit_code(const Error& error) {
  const std::error_code code = well_known(error.code());
  if (code.category() == relaunch_category()) {
    return of_own_error(static_cast<errc>(code.value()));
  }
  if (code == std::errc::permission_denied ||
      code == std::errc::operation_not_permitted) {
    return ExitCode::not_permitted;
  }
  for (const std::errc unreachable :
       {std::errc::address_in_use, std::errc::address_not_available,
        std::errc::address_family_not_supported, std::errc::connection_refused,
        std::errc::connection_reset, std::errc::broken_pipe}) {
    if (code == unreachable) return ExitCode::unreachable;
  }
  return ExitCode::io;
}

}  // namespace relaunch::cli
