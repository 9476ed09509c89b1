#include "cli/option_table.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace relaunch::cli {
namespace {

constexpr std::array kVerbs = {
    VerbInfo{Verb::run, "run", "[options] -- program [argument...]",
             "hold the listeners and run a program below them",
             "Runs in the foreground until it is stopped. The program is "
             "started again when\nit ends by itself, and replaced by "
             "`relaunch upgrade`.\n"},
    VerbInfo{Verb::upgrade, "upgrade", "[options] [-- argument...]",
             "build, and replace the running generation",
             "What comes after -- are the program's new arguments, without its "
             "name.\nCtrl-C ends this command only: the upgrade goes on, and "
             "`relaunch status` tells\nof it.\n"},
    VerbInfo{Verb::rollback, "rollback", "[options] [RELEASE]",
             "return to the release before, or to a kept one",
             "RELEASE is what `relaunch history` shows. It goes the way of "
             "an upgrade, with\nthe same checks.\n"},
    VerbInfo{Verb::status,
             "status",
             "[options]",
             "tell what runs and what happened last",
             {}},
    VerbInfo{Verb::history,
             "history",
             "[options]",
             "tell how the last upgrades ended",
             {}},
    VerbInfo{Verb::events,
             "events",
             "[options]",
             "tell what happened, one transition a line",
             {}},
    VerbInfo{Verb::reload,
             "reload",
             "[options]",
             "read the configuration again, for a new generation",
             {}},
    VerbInfo{Verb::stop,
             "stop",
             "[options]",
             "drain and end the whole instance",
             {}},
    VerbInfo{Verb::abort,
             "abort",
             "[options]",
             "take back the upgrade that is under way",
             {}},
    VerbInfo{Verb::metrics,
             "metrics",
             "[options]",
             "print the metrics in the text format of Prometheus",
             {}},
    VerbInfo{Verb::version, "version", "", "print the version", {}},
    VerbInfo{Verb::check_config, "check-config",
             "[options of run] [-- program [argument...]]",
             "explain every value and where it came from",
             "Nothing is started and nothing is opened.\n"},
    VerbInfo{Verb::service, "service",
             "install|uninstall|start|stop|status [options]",
             "be a service of Windows",
             "service install [options of run] -- program [argument...]\n"
             "service uninstall|start|stop --name NAME\n"
             "service status --name NAME [--json]\n"
             "The service is called as the instance. It runs in this folder, "
             "without the\nRELAUNCH_ variables of this shell. sc control NAME "
             "128 upgrades it, and\nsc control NAME 6 has it read its "
             "configuration again.\n"},
};

constexpr VerbSet kRun = set_of(Verb::run) | set_of(Verb::check_config);
constexpr VerbSet kClient =
    set_of(Verb::upgrade) | set_of(Verb::rollback) | set_of(Verb::status) |
    set_of(Verb::history) | set_of(Verb::events) | set_of(Verb::reload) |
    set_of(Verb::stop) | set_of(Verb::abort) | set_of(Verb::metrics);
constexpr VerbSet kBoth = kRun | kClient;
constexpr VerbSet kReplacing = set_of(Verb::upgrade) | set_of(Verb::rollback);
constexpr VerbSet kEnding = kReplacing | set_of(Verb::reload);
constexpr VerbSet kUpgrade = set_of(Verb::upgrade);
constexpr VerbSet kJson = set_of(Verb::status) | set_of(Verb::history) |
                          set_of(Verb::events) | kEnding;

constexpr std::string_view kProbes = "http|tcp|command|none";

constexpr OptionInfo duration(std::string_view name, std::string_view fallback,
                              std::string_view help) {
  return {name, Kind::duration, "TIME", fallback, help, kRun};
}

/// On the command line only: it says what to do now.
constexpr OptionInfo flag(std::string_view name, std::string_view help,
                          VerbSet verbs) {
  return {name, Kind::flag, {}, {}, help, verbs, false};
}

constexpr OptionInfo count(std::string_view name, std::string_view fallback,
                           std::string_view help, unsigned least,
                           unsigned limit) {
  return {name, Kind::count, "NUMBER", fallback, help,  kRun,
          true, false,       false,    {},       least, limit};
}

constexpr OptionInfo choice(std::string_view name, std::string_view fallback,
                            std::string_view help, std::string_view choices) {
  return {name, Kind::choice, choices, fallback, help,
          kRun, true,         false,   false,    choices};
}

constexpr OptionInfo path(std::string_view name, std::string_view value,
                          std::string_view help, VerbSet verbs = kRun) {
  return {name, Kind::path, value, {}, help, verbs};
}

constexpr std::array kOptions = {
    // which instance
    OptionInfo{"name",
               Kind::name,
               "NAME",
               {},
               "the instance; run: the program's name if not given",
               kBoth},
    path("state-folder", "FOLDER", "its releases and records", kBoth),
    path("run-folder", "FOLDER", "its control socket and lock", kBoth),
    OptionInfo{"config",
               Kind::path,
               "FILE",
               {},
               "read options from this file: key = value",
               kBoth},
    // run: what
    OptionInfo{"listen",
               Kind::listener,
               "NAME=ADDRESS",
               {},
               "a listener to hold: http=tcp://0.0.0.0:8080, or http=systemd: "
               "from a socket unit; repeatable",
               kRun,
               true,
               true},
    OptionInfo{kProgram,
               Kind::words,
               "COMMAND",
               {},
               "the program and its arguments, if there is no --",
               kRun},
    path("folder", "FOLDER", "the program's working folder; else this one"),
    OptionInfo{"env",
               Kind::variable,
               "NAME=VALUE",
               {},
               "a variable for the program; repeatable",
               kRun,
               true,
               true,
               true},
    OptionInfo{"build",
               Kind::words,
               "COMMAND",
               {},
               "run before an upgrade: \"cmake --build build\"; no shell",
               kRun},
    path("build-folder", "FOLDER", "where it runs; else the working folder"),
    path("artifact", "PATH",
         "what the build leaves: the program's file or its folder; staged"),
    OptionInfo{"executable",
               Kind::inner,
               "PATH",
               {},
               "where in an artifact folder the program is",
               kRun},
    OptionInfo{"no-stage",
               Kind::flag,
               {},
               {},
               "start the program as it is, without releases",
               kRun},
    flag("check-takeover",
         "only tell whether this build can take over the running instance",
         set_of(Verb::run)),
    // run: how long
    duration("build-deadline", "10m", "for the build"),
    duration("stage-deadline", "1m", "for copying and hashing the artifact"),
    duration("hello-deadline", "20s", "from start to the adopted listeners"),
    duration("ready-deadline", "60s", "from then until it is ready"),
    duration("ready-cap", "10m", "the same with all extensions"),
    duration("pause-deadline", "5s", "for the old one to stop accepting"),
    duration("turn-deadline", "5s", "for the new one to begin"),
    duration("probation", "3s", "it must serve in health before the commit"),
    duration("health-interval", "500ms", "between two questions for health"),
    duration("health-deadline", "2s", "for one answer"),
    duration("drain-deadline", "30s", "for the requests of who leaves"),
    duration("grace", "2s", "then, from asking to killing"),
    count("max-draining", "4", "generations that may drain at once", 1, 64),
    count("keep-releases", "3", "releases kept beside the current one", 0,
          1000),
    // run: restarts
    duration("restart-delay", "100ms",
             "before the first restart; then doubled"),
    duration("restart-delay-max", "30s", "the longest delay"),
    count("crash-limit", "5", "so many ends in the window are a crash loop", 1,
          1000),
    duration("crash-window", "60s", "the window"),
    duration("restart-stable", "10s", "in service so long, the delay is new"),
    // run: programs that know nothing of relaunch
    OptionInfo{"readiness", Kind::probe, "KIND[:TARGET]", "embedded",
               "how the program says that it is ready: embedded (it uses the "
               "library), notify, http:/path, tcp, command:WORDS, none",
               kRun, true, false, false,
               "embedded|notify|http|tcp|command|none"},
    OptionInfo{"health", Kind::probe, "KIND[:TARGET]", "none",
               "what else is asked before the switch and in probation: "
               "http:/path, tcp, command:WORDS, none",
               kRun, true, false, false, kProbes},
    OptionInfo{"probe-variable",
               Kind::name,
               "NAME",
               {},
               "the program opens the port in this variable for its probes; "
               "else it is given one more listener, relaunch-probe",
               kRun},
    OptionInfo{"watchdog",
               Kind::duration,
               "TIME",
               {},
               "so long without WATCHDOG=1 is a crash",
               kRun},
    choice("stop-signal", "TERM",
           "what asks the program to stop; Windows: INT is Ctrl+C, else "
           "Ctrl+Break",
           "TERM|INT|QUIT|HUP|USR1|USR2"),
    // run: what is written
    choice("output", "tagged",
           "the program's output: each line with its generation, or as it is",
           "tagged|inherit"),
    choice("log-format", "text", "the form of the log", "text|logfmt|json"),
    path("log-file", "FILE", "the log; else standard error"),
    path("metrics-file", "FILE", "metrics for a textfile collector"),
    path("pid-file", "FILE", "the number of the process that serves"),
    // the others
    flag("wait", "until it has ended; this is so if nothing is said",
         kEnding | set_of(Verb::stop)),
    flag("no-wait", "only until it has begun", kEnding | set_of(Verb::stop)),
    OptionInfo{"release",
               Kind::path,
               "PATH",
               {},
               "stage this instead of the configured artifact",
               kUpgrade,
               false},
    flag("no-build", "take the artifact as it is", kUpgrade),
    flag("force", "also if it runs already, failed before, or who serves hangs",
         kReplacing),
    flag("end-probation", "first commit the one that is in probation",
         kReplacing),
    flag("supervisor",
         "not the program, but relaunch itself by its newest build", kUpgrade),
    flag("json", "one JSON object (a line each, where there are many)", kJson),
    flag("watch", "again whenever something has happened",
         set_of(Verb::status)),
    flag("follow", "go on until the instance ends", set_of(Verb::events)),
    flag("now", "without a drain: asked, then killed after the grace",
         set_of(Verb::stop)),
};

}  // namespace

std::span<const VerbInfo> verbs() { return kVerbs; }

const VerbInfo& info(Verb verb) {
  return kVerbs.at(static_cast<std::size_t>(verb));
}

std::optional<Verb> find_verb(std::string_view name) {
  for (const VerbInfo& each : kVerbs) {
    if (each.name == name) return each.verb;
  }
  return std::nullopt;
}

std::span<const OptionInfo> options() { return kOptions; }

const OptionInfo* find_option(std::string_view name) {
  const auto found =
      std::find_if(kOptions.begin(), kOptions.end(),
                   [&](const OptionInfo& each) { return each.name == name; });
  return found == kOptions.end() ? nullptr : &*found;
}

std::string variable_of(const OptionInfo& option) {
  std::string name = "RELAUNCH_";
  for (const char c : option.name) {
    const bool lower = c >= 'a' && c <= 'z';
    name += c == '-' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

}  // namespace relaunch::cli
