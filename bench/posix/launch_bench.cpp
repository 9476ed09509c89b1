// How long the calling thread is held up by a start, with 1 GiB resident,
// beside what the system offers.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "common/os/process.hpp"
#include "common/os/system.hpp"
#include "samples.hpp"

namespace relaunch::bench {
namespace {

constexpr std::size_t kResident = std::size_t{1} << 30;
constexpr char kProgram[] = "/bin/true";
char* const kArguments[] = {const_cast<char*>(kProgram), nullptr};

void by_library() {
  os::LaunchRequest request;
  request.executable = kProgram;
  request.arguments = {kProgram};
  request.environment = os::own_environment();
  auto process = os::launch(request).value();
  benchmark::DoNotOptimize(process);
}

void by_fork() {
  if (::fork() == 0) {
    ::execve(kProgram, kArguments, environ);
    ::_exit(127);
  }
}

void by_vfork() {
  if (::vfork() == 0) {
    ::execve(kProgram, kArguments, environ);
    ::_exit(127);
  }
}

void by_posix_spawn() {
  pid_t child = 0;
  ::posix_spawn(&child, kProgram, nullptr, nullptr, kArguments, environ);
}

void launch_with_1GiB(benchmark::State& state) {
  const std::vector<char> resident(kResident, 1);
  benchmark::DoNotOptimize(resident.data());
  using Way = void (*)();
  const std::vector<std::pair<std::string, Way>> ways{
      {"library_us", by_library},
      {"posix_spawn_us", by_posix_spawn},
      {"vfork_us", by_vfork},
      {"fork_us", by_fork}};
  std::vector<Samples> samples(ways.size());
  for (auto step : state) {
    static_cast<void>(step);
    for (std::size_t i = 0; i < ways.size(); ++i) {
      samples[i].add(time(ways[i].second));
      ::wait(nullptr);
    }
  }
  for (std::size_t i = 0; i < ways.size(); ++i) {
    state.counters[ways[i].first] = samples[i].median();
  }
  state.counters["ratio"] = samples[0].median() / samples[1].median();
}
BENCHMARK(launch_with_1GiB)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace relaunch::bench
