#include "common/supervisor/line_tagger.hpp"

#include <gtest/gtest.h>

namespace relaunch::supervisor {
namespace {

TEST(LineTagger, TagsEachLineHoweverItsBytesCome) {
  LineTagger tagger{3};
  std::string out;
  for (const char c : std::string{"one\ntwo\n\nfour"}) tagger.add({&c, 1}, out);
  EXPECT_EQ(out, "[3] one\n[3] two\n[3] \n");
  EXPECT_TRUE(tagger.has_begun());
  tagger.add("\n", out);
  EXPECT_FALSE(tagger.has_begun());
  EXPECT_EQ(out, "[3] one\n[3] two\n[3] \n[3] four\n");
}

TEST(LineTagger, CutsALongLineAndSaysThatItGoesOn) {
  LineTagger tagger{12};
  std::string out;
  tagger.add(std::string(LineTagger::kLongest, 'a') + "bc\nnext\n", out);
  EXPECT_EQ(out, "[12] " + std::string(LineTagger::kLongest, 'a') +
                     "\n[12]+ bc\n[12] next\n");
}

TEST(LineTagger, HoldsNoMoreThanOnePieceOfALineWithoutEnd) {
  LineTagger tagger{1};
  std::string out;
  const std::string piece(10'000, 'x');
  for (int i = 0; i < 100; ++i) tagger.add(piece, out);
  tagger.flush(out);
  std::size_t bytes = 0;
  for (const char c : out) bytes += c == 'x' ? 1 : 0;
  EXPECT_EQ(bytes, 1'000'000u);
  EXPECT_LT(out.size(), 1'002'000u);
}

TEST(LineTagger, PartialLineThatWasShownGoesOnAsAPiece) {
  LineTagger tagger{2};
  std::string out;
  tagger.flush(out);
  EXPECT_EQ(out, "");
  tagger.add("loading", out);
  tagger.flush(out);
  tagger.add("... done\n", out);
  EXPECT_EQ(out, "[2] loading\n[2]+ ... done\n");
  out.clear();
  tagger.add("prompt", out);
  tagger.flush(out);
  tagger.add("\nnext\n", out);
  EXPECT_EQ(out, "[2] prompt\n[2] next\n");
}

}  // namespace
}  // namespace relaunch::supervisor
