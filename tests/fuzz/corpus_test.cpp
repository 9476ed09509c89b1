// What the fuzzers start from and what they have found, without a fuzzer: on
// every system.
#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/properties.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::fuzz {
namespace {

class Corpus : public testing::TestWithParam<Check> {};

TEST_P(Corpus, HoldsEveryPromise) {
  int files = 0;
  const std::filesystem::path folder{CORPUS};
  for (const auto& file :
       std::filesystem::directory_iterator(folder / GetParam().name)) {
    SCOPED_TRACE(file.path().filename().string());
    GetParam().run(test::file_content(file.path()));
    ++files;
  }
  EXPECT_GT(files, 0);
  GetParam().run({});
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, testing::ValuesIn(kChecks),
                         [](const auto& tested) {
                           return std::string(tested.param.name);
                         });

}  // namespace
}  // namespace relaunch::fuzz
