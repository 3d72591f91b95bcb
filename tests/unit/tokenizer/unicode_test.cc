#include "engine/tokenizer/unicode.h"

#include <gtest/gtest.h>

#include "engine/tokenizer/byte_alphabet.h"

namespace skep::engine::tokenizer {
namespace {

std::string Valid(std::string_view bytes) {
  std::string out;
  EXPECT_EQ(AppendValidUtf8(bytes, /*keep_incomplete=*/false, out), bytes.size());
  return out;
}

std::string ToNfc(std::string_view text) { return ToNormalForm(text, NormalForm::kNfc); }

TEST(Unicode, ReplacesMaximalSubparts) {
  // The examples of the Unicode Standard, tables 3-8 to 3-11.
  const std::string r = "\uFFFD";
  EXPECT_EQ(Valid("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(Valid("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(Valid("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(Valid("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
}

TEST(Unicode, RoundTripsEveryCodePoint) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    AppendUtf8(c, text);
    size_t length = 0;
    ASSERT_EQ(DecodeUtf8(text, 0, length), c);
    ASSERT_EQ(length, text.size());
  }
}

TEST(Unicode, Classes) {
  EXPECT_TRUE(ClassOf('a') & kLl);
  EXPECT_TRUE(ClassOf(0x1C5) & kLt);  // ǅ
  EXPECT_TRUE(ClassOf(0x4E2D) & kLo && ClassOf(0x4E2D) & kHan);
  EXPECT_TRUE(ClassOf(0x3007) & kHan && ClassOf(0x3007) & kNl);  // 〇
  EXPECT_TRUE(ClassOf(0x85) & kSpace && ClassOf(0x3000) & kSpace && ClassOf('\n') & kSpace);
  EXPECT_FALSE(ClassOf(0x200B) & kSpace || ClassOf(0x180E) & kSpace || ClassOf(0x1C) & kSpace);
  EXPECT_EQ(ClassOf(0x378), 0u);  // unassigned
  EXPECT_EQ(ClassOf(kInvalidByte + 0xFF), 0u);
}

TEST(Unicode, ComposesCanonically) {
  EXPECT_EQ(ToNfc("e\u0301"), "é");
  EXPECT_EQ(ToNfc("\u1E9B\u0323"), "\u1E9B\u0323");    // UAX 15, figure 6
  EXPECT_EQ(ToNfc("q\u0307\u0323"), "q\u0323\u0307");  // reordered
  EXPECT_EQ(ToNfc("D\u0307\u0323"), "\u1E0C\u0307");
  EXPECT_EQ(ToNfc("\u1112\u1161\u11AB"), "\uD55C");  // Hangul
  EXPECT_EQ(ToNfc("\u212B\u2126"), "\u00C5\u03A9");  // singletons
  EXPECT_EQ(ToNfc("\u0958"), "\u0915\u093C");        // composition exclusion
  EXPECT_EQ(ToNfc("a\xFF\u0301"), "a\xFF\u0301");    // an invalid byte stays, and blocks
}

TEST(ByteAlphabet, IsGpt2s) {
  EXPECT_EQ(BytesToLetters(" \n\x7F\xAD"), "ĠĊġŃ");
  for (int byte = 0; byte < 256; ++byte) EXPECT_EQ(LetterToByte(ByteToLetter(byte)), byte);
  EXPECT_EQ(LettersToBytes("▁"), std::nullopt);
}

}  // namespace
}  // namespace skep::engine::tokenizer
