// Staging beside a plain copy of the same bytes: kept in the system's cache,
// and put on the disk.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/os/files.hpp"
#include "common/os/system.hpp"
#include "common/release/store.hpp"
#include "common/release/tree.hpp"
#include "samples.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMiB = 1024 * 1024;

/// Other bytes each time: what is there already is not staged again.
std::string bytes(std::size_t size) {
  static std::uint64_t state = 1;
  std::string all(size, '\0');
  for (std::size_t i = 0; i < size; i += 64) {
    state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    all.replace(i, 8, reinterpret_cast<const char*>(&state), 8);
  }
  return all;
}

void make_artifact(const fs::path& folder, std::size_t files,
                   std::size_t size) {
  fs::create_directories(folder);
  for (std::size_t i = 0; i < files; ++i) {
    fs::path name{"part" + std::to_string(i)};
    if (i == 0) name = "program" + std::string(os::executable_suffix());
    test::write_file(folder / name, bytes(size));
    fs::permissions(folder / name, fs::perms::owner_all);
    os::sync_file(folder / name).value();
  }
}

void read_and_write(const fs::path& from, const fs::path& to) {
  std::vector<char> piece(256 * 1024);
  std::ifstream in{from, std::ios::binary};
  std::ofstream out{to, std::ios::binary};
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    out.write(piece.data(), in.gcount());
  }
}

enum class To { cache, disk };

template <typename Copy>
void copy_plainly(const fs::path& from, const fs::path& to, To where,
                  const Copy& copy) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    const fs::path file = to / entry.path().filename();
    copy(entry.path(), file);
    if (where == To::disk) os::sync_file(file).value();
  }
}

void stage(benchmark::State& state) {
  const auto files = static_cast<std::size_t>(state.range(0));
  const auto size = static_cast<std::size_t>(state.range(1));
  const test::ScratchFolder folder;
  auto store = release::Store::open(folder / "state").value();
  const fs::path artifact = folder / "artifact";
  const std::string program = "program" + std::string(os::executable_suffix());
  const std::atomic<bool> cancelled{false};
  const auto library_copy = [](const fs::path& from, const fs::path& to) {
    os::copy_file(from, to).value();
  };
  Samples staged, written, synced, copied;
  for (auto step : state) {
    static_cast<void>(step);
    make_artifact(artifact, files, size);
    const auto length = time([&] {
      static_cast<void>(store.stage({artifact, program}, cancelled).value());
    });
    staged.add(length);
    written.add(time([&] {
      copy_plainly(artifact, folder / "written", To::cache, read_and_write);
    }));
    synced.add(time([&] {
      copy_plainly(artifact, folder / "synced", To::disk, read_and_write);
    }));
    copied.add(time([&] {
      copy_plainly(artifact, folder / "copied", To::cache, library_copy);
    }));
    for (const char* each : {"written", "synced", "copied"}) {
      fs::remove_all(folder / each);
    }
    store.prune(0, {});
    state.SetIterationTime(std::chrono::duration<double>(length).count());
  }
  const double mib = static_cast<double>(files * size) / kMiB;
  const auto speed = [mib](const Samples& each) {
    return mib * 1e6 / each.median();
  };
  state.counters["stage_MiB_s"] = speed(staged);
  state.counters["read_write_MiB_s"] = speed(written);
  state.counters["with_fsync_MiB_s"] = speed(synced);
  state.counters["copy_file_MiB_s"] = speed(copied);
  state.counters["ratio"] = staged.median() / synced.median();
}
BENCHMARK(stage)
    ->Args({1, 64 * kMiB})
    ->Args({1000, 16 * 1024})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace relaunch::bench
