// builder TEMPLATE ARTIFACT RECIPE_FILE: "builds" a test release.
//
// The artifact is the template's bytes with the recipe behind them. It is
// written in place, as a linker does: a file that is running cannot be written
// (ETXTBSY, ERROR_SHARING_VIOLATION), which is an error here too.
//
// Keys of the recipe that are meant for the builder:
//   build_lines=N   prints so many lines first
//   build_fail=N    ends with this exit code, and leaves the artifact alone
//   build_hang=1    writes nothing and does not end by itself (for two minutes)
//   build_nothing=1 removes the artifact and ends well
//   build_garbage=1 the artifact is no program
//   build_folder=1  the artifact is a folder; the program in it is bin/server,
//                   with the template's extension
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <string>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "programs/recipe.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw std::runtime_error("cannot read " + text::utf8(path));
  return bytes;
}

void print(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void hang() {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, std::chrono::minutes(2), [] { return false; });
}

void write_artifact(const fs::path& from, const fs::path& artifact,
                    const std::string& recipe_text) {
  const std::string bytes = read_all(from) + recipe_block(recipe_text);
  std::ofstream file(artifact, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) {
    throw std::runtime_error("cannot write " + text::utf8(artifact) +
                             ": is it running?");
  }
  fs::permissions(artifact, fs::status(from).permissions());
}

int build(const fs::path& from, const fs::path& artifact,
          const fs::path& recipe_file) {
  const std::string recipe_text = read_all(recipe_file);
  const Recipe recipe = parse_recipe(recipe_text);
  const int lines = number(recipe, "build_lines");
  for (int line = 1; line <= lines; ++line) {
    print("[" + std::to_string(line) + "/" + std::to_string(lines) +
          "] compiling");
  }
  if (find(recipe, "build_hang") != nullptr) {
    print("hanging");
    hang();
    return 124;
  }
  if (const int code = number(recipe, "build_fail"); code != 0) {
    print("error: this release does not compile");
    return code;
  }
  if (find(recipe, "build_nothing") != nullptr) {
    fs::remove_all(artifact);
    return 0;
  }
  fs::path program = artifact;
  if (find(recipe, "build_folder") != nullptr) {
    program = artifact / "bin" / "server";
    program += from.extension();
    fs::create_directories(program.parent_path());
  }
  if (find(recipe, "build_garbage") != nullptr) {
    std::ofstream(program, std::ios::trunc) << "this is no program";
  } else {
    write_artifact(from, program, recipe_text);
  }
  print("linked");
  return 0;
}

}  // namespace
}  // namespace relaunch::test

int main() {
  using namespace relaunch;
  try {
    const auto words = os::own_arguments().value();
    if (words.size() != 4) {
      throw std::runtime_error("usage: builder TEMPLATE ARTIFACT RECIPE_FILE");
    }
    return test::build(text::path_from_utf8(words[1]),
                       text::path_from_utf8(words[2]),
                       text::path_from_utf8(words[3]));
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "builder: %s\n", failure.what());
    return 1;
  }
}
