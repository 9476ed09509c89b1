#include "common/upgrade/release_maker.hpp"

#include <boost/asio/post.hpp>
#include <system_error>
#include <utility>

#include "common/os/files.hpp"
#include "common/os/system.hpp"
#include "common/release/tree_hash.hpp"

namespace relaunch::upgrade {

ReleaseMaker::~ReleaseMaker() {
  cancelled_ = true;
  if (thread_.joinable()) thread_.join();
}

void ReleaseMaker::build(std::function<void(std::string_view)> on_line,
                         std::function<void(build::Finished)> on_end) {
  free_artifact_file();
  const Command& command = context_.options.build;
  build::BuildCommand build{command.arguments, command.folder,
                            context_.launched.environment};
  build.environment.insert(build.environment.end(), command.environment.begin(),
                           command.environment.end());
  runner_ = std::make_unique<build::Runner>(context_.io);
  runner_->start(build, std::move(on_line),
                 [this, on_end = std::move(on_end)](build::Finished finished) {
                   // It is what is calling; its handles must not stay open
                   // until the next build.
                   std::shared_ptr<build::Runner> ended = std::move(runner_);
                   boost::asio::post(context_.io, [ended] {});
                   on_end(std::move(finished));
                 });
}

void ReleaseMaker::cancel_build() {
  if (runner_) runner_->cancel();
}

// The first generation may run from the very file that the build writes.
void ReleaseMaker::free_artifact_file() {
  const auto program = context_.built_program();
  if (!context_.running_image ||
      !os::is_same_file(program, context_.running_image.get())) {
    return;
  }
  auto moved = os::move_running_file_aside(program);
  if (!moved) {
    context_.log(LogLevel::warning, moved.error().text());
    return;
  }
  // Windows: not before this process has ended; the successor does it then.
  os::remove_if_possible(*moved);
}

void ReleaseMaker::stage(Wanted wanted, std::function<void(Staged)> on_end) {
  if (staging_) {
    return on_end(
        {{}, false, Error{errc::busy, "an earlier staging has not ended"}});
  }
  if (thread_.joinable()) thread_.join();
  cancelled_ = false;
  auto work = [this, number = ++stagings_, wanted = std::move(wanted), on_end,
               mailbox = context_.mailbox] {
    os::keep_signals_from_this_thread();
    auto staged = std::make_shared<Staged>(make_release(wanted));
    staging_ = false;
    mailbox->post([this, number, staged, on_end] {
      if (number == stagings_) on_end(std::move(*staged));
    });
  };
  staging_ = true;
  try {
    thread_ = std::thread{std::move(work)};
  } catch (const std::system_error& failure) {
    staging_ = false;
    on_end(
        {{}, false, Error{failure.code(), "cannot start the staging thread"}});
  }
}

ReleaseMaker::Staged ReleaseMaker::make_release(const Wanted& wanted) {
  release::Store& store = *context_.store;
  auto release = store.stage(wanted.artifact, cancelled_);
  if (!release) return {{}, false, release.error()};
  if (!wanted.also_running && release->id == running_release()) {
    return {*release, true, {}};
  }
  if (wanted.also_held) return {*release, false, {}};
  if (auto reason = store.held(release->id)) {
    return {*release, false,
            Error{errc::release_held,
                  text::cat("release ", release->id, " (", *reason, ")")}};
  }
  return {*release, false, {}};
}

// A first generation was not staged: what it runs is known by its own image,
// since the file that it was started from may have been built anew.
std::string ReleaseMaker::running_release() const {
  const auto artifact = context_.artifact();
  if (!context_.release.empty() || !artifact.executable.empty() ||
      !context_.running_image) {
    return context_.release;
  }
  auto hash = release::hash_open_file(
      context_.running_image.get(), text::utf8(artifact.path.filename()), true);
  return hash ? *hash : std::string{};
}

}  // namespace relaunch::upgrade
