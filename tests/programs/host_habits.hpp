// What a program does beside serving, and may not be disturbed in: the library
// is a guest in it. Keys of the recipe:
//   children=ignored    SIGCHLD is ignored
//   children=discarded  SIGCHLD has SA_NOCLDWAIT
//   children=waited     a thread waits for every child, whoever started it
//   signals=own         handlers for all that a library might take, and most
//                       signals blocked; Windows: a console handler
//   threads=N           have files, pipes and sockets open, always others,
//   which
//                       every child would inherit
//   forks=1             a thread makes workers by fork(), the last one outlives
//                       this process
//   streams=closed      no standard streams
// Windows knows neither children=, forks= nor inherited signals.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "programs/recipe.hpp"

namespace relaunch::test {

class HostHabits {
 public:
  explicit HostHabits(const Recipe& recipe);
  ~HostHabits();
  HostHabits(const HostHabits&) = delete;
  HostHabits& operator=(const HostHabits&) = delete;

  /// "unchanged", or what is not as the constructor left it. In the thread that
  /// constructed it.
  std::string signals() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Where the program's lines go: standard output, also when it is closed.
std::FILE* output();

/// "none", or the signals that are not as a fresh program has them.
std::string inherited_signals();
/// Opens every kind of handle that an ordinary child would inherit, and closes
/// those that this thread had opened before.
void renew_inheritable_handles();

}  // namespace relaunch::test
