// tokenizer.json of every kind against Hugging Face's library: the same ids of every string, and
// the same text back (tests/golden/tokenizer_json.py).
#include <gtest/gtest.h>

#include "engine/tokenizer/detokenizer.h"
#include "reference_cases.h"

namespace skep::engine {
namespace {

std::string Streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  Detokenizer detokenizer(tokenizer, /*skip_special=*/true);
  std::string text;
  for (TokenId id : ids) detokenizer.Append(id, text);
  detokenizer.Flush(text);
  return text;
}

class TokenizerJsonTest : public testing::TestWithParam<const char*> {
 protected:
  static const std::vector<std::string>& Texts() {
    static const auto* const texts = new std::vector<std::string>(ReadReferenceTexts());
    return *texts;
  }
};

TEST_P(TokenizerJsonTest, AgreesWithTheLibrary) {
  ASSERT_GE(Texts().size(), 5000u);
  const auto tokenizer = Load(ReferenceFolder() + GetParam());
  ASSERT_NE(tokenizer, nullptr);
  const ReferenceCases golden = ReadReferenceCases(GetParam(), Texts());
  int failures = 0;
  for (size_t i = 0; i < Texts().size() && failures < 5; i += kEvery) {
    SCOPED_TRACE(testing::PrintToString(Texts()[i]));
    const ReferenceCase& wanted = golden.cases[i];
    const std::vector<TokenId> plain =
        Encode(*tokenizer, Texts()[i], {.add_special = golden.add_special});
    const std::vector<TokenId> parsed =
        Encode(*tokenizer, Texts()[i], {.add_special = golden.add_special, .parse_special = true});
    const std::string decoded = tokenizer->Decode(wanted.parsed, /*skip_special=*/false);
    const std::string skipped = Streamed(*tokenizer, wanted.parsed);
    EXPECT_EQ(plain, wanted.plain);
    EXPECT_EQ(parsed, wanted.parsed);
    EXPECT_EQ(decoded, wanted.decoded);
    EXPECT_EQ(skipped, wanted.skipped);
    failures += plain != wanted.plain || parsed != wanted.parsed || decoded != wanted.decoded ||
                skipped != wanted.skipped;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerJsonTest, testing::ValuesIn(kReferenceTokenizers),
                         [](const auto& param) {
                           std::string name = param.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace skep::engine
