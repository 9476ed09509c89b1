#include "cli/verbs.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <chrono>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include "cli/render.hpp"
#include "common/base/text.hpp"
#include "common/observe/event.hpp"

namespace relaunch::cli {
namespace {

namespace json = boost::json;
using control::Answer;
using control::Request;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// What a newer instance answers may be deeper than what this one knows.
constexpr std::size_t kMaxDepth = 32;
/// Longer than it may wait for its generations (supervisor::Recovery).
constexpr std::chrono::seconds kReplaceDeadline{30};

std::optional<json::value> parsed(const std::string& text) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code failure;
  auto value = json::parse(text, failure, {}, options);
  if (failure) return std::nullopt;
  return value;
}

Failure no_json() {
  return {ExitCode::protocol, "cannot read the answer: it is no JSON"};
}

struct Task {
  const Invocation& invocation;
  const Settings& settings;
  const Reach& reach;
  const Output& output;

  bool json() const { return settings.flag("json"); }
};

Attempt<ExitCode> ended(const Attempt<void>& printed, ExitCode code) {
  if (!printed) return printed.error();
  return code;
}

Attempt<ExitCode> end_of(const Attempt<Answer>& last) {
  if (!last) return last.error();
  return ExitCode::done;
}

Attempt<ExitCode> simple(const Task& task, control::Verb verb) {
  Request request;
  request.verb = verb;
  const auto answer = ask(task.reach, request);
  if (!answer) return answer.error();
  const auto printed =
      answer->text.empty() ? Attempt<void>{} : task.output.data(answer->text);
  const bool nothing = verb == control::Verb::abort && !answer->text.empty();
  return ended(printed, nothing ? ExitCode::nothing_to_do : ExitCode::done);
}

// upgrade, rollback, reload --------------------------------------------------

Request upgrade_request(const Task& task) {
  Request request;
  request.verb = task.invocation.verb == Verb::reload ? control::Verb::reload
                                                      : control::Verb::upgrade;
  control::UpgradeOrder& order = request.order;
  order.request.skip_build = task.settings.flag("no-build");
  order.request.force = task.settings.flag("force");
  order.request.end_probation = task.settings.flag("end-probation");
  if (const Value* release = task.settings.value("release")) {
    order.artifact = (release->base / text::path_from_utf8(release->text))
                         .lexically_normal();
  }
  if (task.invocation.verb == Verb::rollback) {
    order.release = task.invocation.arguments.empty()
                        ? "previous"
                        : task.invocation.arguments.front();
  }
  order.arguments = task.invocation.after_dashes;
  return request;
}

/// Shows an upgrade while it goes on.
class Show {
 public:
  explicit Show(const Output& output)
      : output_(output), progress_(output.note_screen) {}

  Next take(const Answer& answer) {
    if (answer.kind == Answer::Kind::line) {
      has_begun_ = true;
      note(progress_.line(answer.text, elapsed()));
      return Next::go_on;
    }
    const auto value = parsed(answer.text);
    if (!value || !value->is_object()) return Next::go_on;
    const auto event = observe::event_from_json(value->get_object());
    if (!event) return Next::go_on;
    has_begun_ |= event->name == observe::name::kUpgradeStarted;
    if (event->name == observe::name::kUpgradePhase) {
      has_begun_ = true;
      note(progress_.phase(event->phase, elapsed()));
    }
    return Next::go_on;
  }
  Next beat() {
    note(progress_.tick(elapsed()));
    return Next::go_on;
  }
  void end() { note(progress_.end()); }
  bool has_begun() const { return has_begun_; }

 private:
  milliseconds elapsed() const {
    return std::chrono::duration_cast<milliseconds>(steady_clock::now() -
                                                    begin_);
  }
  void note(const std::string& text) {
    if (!text.empty()) output_.note(text);
  }

  const Output& output_;
  Progress progress_;
  steady_clock::time_point begin_ = steady_clock::now();
  bool has_begun_ = false;
};

/// What did not succeed is no data, and stands on standard error.
Attempt<ExitCode> told(const Task& task, const Outcome& outcome) {
  if (task.json() || outcome.ok()) {
    auto printed = task.output.data(task.json() ? outcome_json(outcome)
                                                : outcome_line(outcome));
    if (!printed) return printed.error();
  }
  const ExitCode code = exit_code(outcome);
  if (outcome.ok()) return code;
  std::string line = outcome_line(outcome);
  line.pop_back();
  return Failure{code, std::move(line)};
}

Attempt<ExitCode> upgrade(const Task& task) {
  const bool waits = !task.settings.flag("no-wait");
  Show show{task.output};
  Hearing hearing;
  hearing.deadline = milliseconds{0};
  if (waits) hearing.on_beat = [&] { return show.beat(); };
  hearing.on_answer = [&](const Answer& answer) {
    const Next next = show.take(answer);
    return !waits && show.has_begun() ? Next::enough : next;
  };
  const auto last = ask(task.reach, upgrade_request(task), hearing);
  show.end();
  if (!last && show.has_begun()) {
    return Failure{ExitCode::unreachable,
                   text::cat("lost '", task.reach.name, "' in the middle of ",
                             "it, relaunch status tells what came of it: ",
                             last.error().line)};
  }
  if (!last) return last.error();
  if (last->kind != Answer::Kind::outcome) return ExitCode::done;  // has begun
  return told(task, last->outcome);
}

/// By the new supervisor, which is younger than this command, or by the old
/// one, which says why not. Nothing: not yet.
std::optional<Attempt<ExitCode>> replaced(const Task& task,
                                          const json::object& status,
                                          milliseconds waited) {
  const auto* failed = status.if_contains("replacement_failed");
  if (failed && failed->is_string()) {
    return Failure{ExitCode::failed, std::string{failed->get_string()}};
  }
  const auto* uptime = status.if_contains("uptime_ms");
  const auto* serving = status.if_contains("serving");
  const bool is_new = uptime && uptime->is_int64() &&
                      uptime->get_int64() <= waited.count() && serving &&
                      serving->is_bool() && serving->get_bool();
  if (!is_new) return std::nullopt;
  return ended(task.output.data("done: the supervisor was replaced\n"),
               ExitCode::done);
}

/// Another build of relaunch itself.
Attempt<ExitCode> replace_supervisor(const Task& task) {
  const auto begin = steady_clock::now();
  Request request;
  request.verb = control::Verb::replace;
  if (const auto done = ask(task.reach, request); !done) return done.error();
  for (;;) {
    const auto waited =
        std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
    const auto answer = ask(task.reach, {});
    const auto value = answer ? parsed(answer->text) : std::nullopt;
    if (value && value->is_object()) {
      const auto end = replaced(task, value->get_object(), waited);
      if (end) return *end;
    }
    if (waited > kReplaceDeadline) {
      return Failure{ExitCode::unreachable,
                     "the supervisor has let go, and no other one has taken "
                     "its generations in yet; they serve on"};
    }
    // Nothing tells when an endpoint appears that is not there yet.
    std::this_thread::sleep_for(milliseconds{50});
  }
}

// status, history, events ----------------------------------------------------

Attempt<ExitCode> status(const Task& task) {
  Request request;
  const auto answer = ask(task.reach, request);
  if (!answer) return answer.error();
  const auto value = parsed(answer->text);
  if (!value || !value->is_object()) return no_json();
  return ended(task.output.data(task.json() ? json_line(*value)
                                            : status_text(value->get_object())),
               ExitCode::done);
}

/// Events to come, for as long as the instance lives: its end is the end of
/// what there is to tell, and no failure.
Attempt<ExitCode> follow(const Task& task, Request request, Hearing hearing) {
  request.verb = control::Verb::events;
  request.follow = true;
  hearing.deadline = milliseconds{0};
  bool reached = false;
  hearing.on_beat = [&] {
    reached = true;
    return Next::go_on;
  };
  const auto last = ask(task.reach, request, hearing);
  if (last || (reached && last.error().code == ExitCode::unreachable)) {
    return ExitCode::done;
  }
  return last.error();
}

Request from_now_on() {
  Request request;
  request.since = std::numeric_limits<std::int64_t>::max();
  return request;
}

Attempt<ExitCode> watched_status(const Task& task) {
  const bool clears = task.output.data_screen.width != 0 && !task.json();
  bool fresh = true;
  const auto show = [&]() -> Attempt<ExitCode> {
    if (clears) {
      // Home, and away with what is below.
      if (auto sent = task.output.data("\x1b[H\x1b[2J"); !sent) {
        return sent.error();
      }
    } else if (!std::exchange(fresh, false) && !task.json()) {
      if (auto sent = task.output.data("\n"); !sent) return sent.error();
    }
    return status(task);
  };
  auto shown = show();
  if (!shown) return shown;
  Hearing hearing;
  hearing.on_answer = [&](const Answer&) {
    shown = show();
    return shown ? Next::go_on : Next::enough;
  };
  const auto end = follow(task, from_now_on(), hearing);
  // Ended between an event and the question about it.
  if (!shown && shown.error().code != ExitCode::unreachable) return shown;
  return end;
}

Attempt<ExitCode> history(const Task& task) {
  Request request;
  request.verb = control::Verb::history;
  const auto answer = ask(task.reach, request);
  if (!answer) return answer.error();
  const auto value = parsed(answer->text);
  if (!value || !value->is_array()) return no_json();
  if (!task.json()) {
    return ended(task.output.data(history_text(value->get_array())),
                 ExitCode::done);
  }
  return ended(task.output.data(json_line(json::object{
                   {"schema", control::kSchema}, {"upgrades", *value}})),
               ExitCode::done);
}

Attempt<ExitCode> events(const Task& task) {
  Attempt<void> printed;
  Hearing hearing;
  hearing.on_answer = [&](const Answer& answer) {
    const auto value = parsed(answer.text);
    if (!value || !value->is_object()) return Next::go_on;
    printed = task.output.data(task.json() ? json_line(*value)
                                           : event_text(value->get_object()));
    return printed ? Next::go_on : Next::enough;
  };
  Request request;
  request.verb = control::Verb::events;
  const bool follows = task.settings.flag("follow");
  const auto end = follows ? follow(task, request, hearing)
                           : end_of(ask(task.reach, request, hearing));
  if (!printed) return printed.error();
  return end;
}

// stop -----------------------------------------------------------------------

/// The link on which the end is waited for is opened first: afterwards there
/// may be nobody to open it to.
Attempt<ExitCode> stop(const Task& task) {
  Request request;
  request.verb = control::Verb::stop;
  request.mode = task.settings.flag("now") ? control::StopMode::now
                                           : control::StopMode::drain;
  if (task.settings.flag("no-wait")) return end_of(ask(task.reach, request));
  std::optional<Attempt<Answer>> stopped;
  Request following = from_now_on();
  following.verb = control::Verb::events;
  following.follow = true;
  Hearing hearing;
  hearing.deadline = milliseconds{0};
  hearing.on_beat = [&] {
    if (!stopped) stopped = ask(task.reach, request);
    return *stopped ? Next::go_on : Next::enough;
  };
  const auto last = ask(task.reach, following, hearing);
  if (!stopped) return end_of(last);
  return end_of(*stopped);
}

bool may_last(Verb verb) {
  return verb == Verb::upgrade || verb == Verb::rollback ||
         verb == Verb::reload || verb == Verb::events || verb == Verb::stop;
}

}  // namespace

Attempt<ExitCode> perform_on_instance(const Invocation& invocation,
                                      const Settings& settings,
                                      const Reach& reach,
                                      const Output& output) {
  const Task task{invocation, settings, reach, output};
  // What may last has no deadline of its own. Whoever answers this has begun
  // what it is asked next; if it does not, nothing was asked of it.
  if (may_last(invocation.verb)) {
    if (const auto there = ask(reach, {}); !there) return there.error();
  }
  switch (invocation.verb) {
    case Verb::upgrade:
      if (settings.flag("supervisor")) return replace_supervisor(task);
      return upgrade(task);
    case Verb::rollback:
    case Verb::reload:
      return upgrade(task);
    case Verb::status:
      return settings.flag("watch") ? watched_status(task) : status(task);
    case Verb::history:
      return history(task);
    case Verb::events:
      return events(task);
    case Verb::stop:
      return stop(task);
    case Verb::abort:
      return simple(task, control::Verb::abort);
    case Verb::metrics:
      return simple(task, control::Verb::metrics);
    case Verb::run:
    case Verb::version:
    case Verb::check_config:
    case Verb::service:
      break;
  }
  return Failure{ExitCode::internal, "this verb asks no instance"};
}

}  // namespace relaunch::cli
