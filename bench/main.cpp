// The main() of the benches: Google Benchmark, or the body of one child.
#include <benchmark/benchmark.h>

#include <cstdio>

#include "common/os/system.hpp"
#include "support/child.hpp"

int main(int argc, char** argv) {
  const auto arguments = relaunch::os::own_arguments().value();
  if (relaunch::test::is_child(arguments)) {
    return relaunch::test::run_child_body(arguments);
  }
  ::benchmark::Initialize(&argc, argv);
  if (::benchmark::ReportUnrecognizedArguments(argc, argv)) return 64;
  ::benchmark::RunSpecifiedBenchmarks();
  return 0;
}
