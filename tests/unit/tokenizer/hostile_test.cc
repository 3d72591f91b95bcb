// Files from outside: damage gives errors that name the place, never a crash. Run under sanitizers
// too.
#include <gtest/gtest.h>

#include <random>

#include "engine/tokenizer/gguf_vocabulary.h"
#include "engine/tokenizer/sentencepiece_model.h"
#include "engine/tokenizer/tokenizer_json.h"
#include "nlohmann/json.hpp"
#include "test_files.h"

namespace skep::engine::tokenizer {
namespace {

const char kSmall[] = R"({
  "added_tokens": [{"id": 5, "content": "<s>", "special": true, "normalized": false}],
  "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "_"},
  "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\p{N}"}, "behavior": "Isolated"},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}},
  "decoder": {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "_"}, "content": " "}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
  "model": {"type": "BPE", "unk_token": "u", "vocab": {"a": 0, "b": 1, "ab": 2, "_": 3, "u": 4},
            "merges": [["a", "b"]]}
})";

absl::Status ReadChanged(const std::string& pointer, const nlohmann::json& value) {
  nlohmann::json document = nlohmann::json::parse(kSmall);
  document[nlohmann::json::json_pointer(pointer)] = value;
  return ReadTokenizerJson(document.dump(), {}).status();
}

void ExpectError(const std::string& pointer, const nlohmann::json& value, absl::StatusCode code,
                 const std::string& part) {
  const absl::Status status = ReadChanged(pointer, value);
  EXPECT_EQ(status.code(), code) << pointer << ": " << status;
  EXPECT_NE(std::string(status.message()).find(part), std::string::npos) << status;
}

TEST(HostileJson, TheUndamagedOneWorks) {
  auto pipeline = ReadTokenizerJson(kSmall, {});
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  const Tokenizer tokenizer(*std::move(pipeline));
  EXPECT_EQ(Encode(tokenizer, "ab b?"), (std::vector<TokenId>{5, 2, 3, 1, 4}));
  EXPECT_EQ(tokenizer.bos_id(), 5);
  EXPECT_EQ(tokenizer.Decode({3, 2, 3, 1}, /*skip_special=*/true), "ab b");
}

TEST(HostileJson, ErrorsNameThePlace) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kUnknown = absl::StatusCode::kUnimplemented;
  ExpectError("/model/merges/0", {"a", "x"}, kInvalid, "'x' is not in the vocabulary");
  ExpectError("/model/merges/0", "a b c", kInvalid, "model.merges[0]");
  ExpectError("/model/merges/0", 7, kInvalid, "model.merges[0]");
  ExpectError("/model/merges", "x", kInvalid, "model.merges");
  ExpectError("/model/vocab/a", 2147483648, kInvalid, "model.vocab.a");
  ExpectError("/model/vocab/a", 2147483647, kInvalid, "model.vocab.a");
  ExpectError("/model/vocab/a", 2147483646, kInvalid, "2147483646");
  ExpectError("/model/vocab/a", -1, kInvalid, "model.vocab.a");
  ExpectError("/model/vocab/a", 1.5, kInvalid, "model.vocab.a");
  ExpectError("/model/vocab/a", 18446744073709551615u, kInvalid, "model.vocab.a");
  ExpectError("/model/vocab", nlohmann::json::array(), kInvalid, "model.vocab");
  ExpectError("/model/vocab/b", 0, kInvalid, "token id 0 is given to 'a' and to 'b'");
  // The added one comes next behind five pieces.
  ExpectError("/model/vocab/u", 5, kInvalid, "token id 5 is given to 'u' and to '<s>'");
  ExpectError("/model/unk_token", "none", kInvalid, "model.unk_token");
  ExpectError("/model/type", "Magic", kUnknown, "'Magic'");
  ExpectError("/model", nullptr, kInvalid, "model");
  ExpectError("/added_tokens/0/id", "5", kInvalid, "added_tokens[0].id");
  ExpectError("/added_tokens/0/content", 5, kInvalid, "added_tokens[0].content");
  ExpectError("/added_tokens", 5, kInvalid, "added_tokens");
  ExpectError("/normalizer/type", "Magic", kUnknown, "normalizer 'Magic'");
  ExpectError("/pre_tokenizer/type", "Magic", kUnknown, "pre-tokenizer 'Magic'");
  ExpectError("/pre_tokenizer/pattern/Regex", "(", kInvalid, "pre_tokenizer.pattern");
  ExpectError("/pre_tokenizer/behavior", "Odd", kUnknown, "'Odd'");
  ExpectError("/decoder/decoders/0/type", "Magic", kUnknown, "decoder 'Magic'");
  ExpectError("/decoder/decoders/2/start", -1, kInvalid, "decoder.decoders[2]");
  ExpectError("/post_processor/type", "Magic", kUnknown, "post-processor 'Magic'");
  ExpectError("/post_processor/special_tokens/<s>/ids/0", 99, kInvalid, "99");
  ExpectError("/post_processor/single", nlohmann::json::array(), kInvalid, "post_processor.single");
}

TEST(HostileJson, ErrorsOfOtherComponentsNameThePlace) {
  using nlohmann::json;
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const auto sequence = [](const char* name, const json& part) -> json {
    return {{"type", "Sequence"}, {name, json::array({part})}};
  };
  const auto in_sequence = [&](const char* component, const char* name, const json& part,
                               const std::string& wanted) {
    ExpectError(std::string("/") + component, sequence(name, part), kInvalid, wanted);
  };
  in_sequence("normalizer", "normalizers",
              {{"type", "Precompiled"}, {"precompiled_charsmap", "not base64!"}},
              "normalizer.normalizers[0].precompiled_charsmap");
  in_sequence("normalizer", "normalizers",
              {{"type", "Precompiled"}, {"precompiled_charsmap", "AAAA"}}, "charsmap");
  in_sequence("normalizer", "normalizers",
              {{"type", "Precompiled"}, {"precompiled_charsmap", "//////8="}}, "charsmap");
  in_sequence("normalizer", "normalizers", {{"type", "BertNormalizer"}, {"lowercase", 1}},
              "lowercase");
  in_sequence("pre_tokenizer", "pretokenizers", {{"type", "FixedLength"}, {"length", 0}},
              "length: is 0");
  in_sequence("pre_tokenizer", "pretokenizers",
              {{"type", "CharDelimiterSplit"}, {"delimiter", "ab"}}, "one character");
  in_sequence("pre_tokenizer", "pretokenizers", {{"type", "Metaspace"}, {"replacement", ""}},
              "one character");
  const json unigram = {
      {"type", "Unigram"}, {"unk_id", 0}, {"vocab", json::parse(R"([["u", 0.0], ["a", -1.0]])")}};
  const auto unigram_with = [&](const char* key, const json& value, const std::string& wanted) {
    json model = unigram;
    model[key] = value;
    ExpectError("/model", model, kInvalid, wanted);
  };
  unigram_with("unk_id", 2, "unknown token's id is 2");
  unigram_with("unk_id", -1, "model.unk_id");
  unigram_with("vocab", json::parse(R"([["u", "x"]])"), "entry 0");
  unigram_with("vocab", json::parse(R"([{"u": 0}])"), "entry 0");
  unigram_with("vocab", json::object(), "an array");
}

// Each rule doubles what the one before made; the file is a kilobyte.
TEST(HostileJson, RulesThatMultiplyAreStopped) {
  using nlohmann::json;
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const auto repeated = [](const char* name, const json& part, size_t count) -> json {
    return {{"type", "Sequence"}, {name, json(count, part)}};
  };
  const json twice = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  const json letters = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  for (const auto& [pointer, value] :
       {std::pair("/normalizer", repeated("normalizers", twice, 40)),
        std::pair("/pre_tokenizer", repeated("pretokenizers", letters, 40))}) {
    json document = json::parse(kSmall);
    document[json::json_pointer(pointer)] = value;
    auto pipeline = ReadTokenizerJson(document.dump(), {});
    ASSERT_TRUE(pipeline.ok()) << pipeline.status();
    const Tokenizer tokenizer(*std::move(pipeline));
    std::vector<TokenId> ids;
    const absl::Status status = tokenizer.Encode("\u00E9a", {}, ids);
    EXPECT_EQ(status.code(), kInvalid) << pointer;
    EXPECT_NE(status.message().find("the tokenizer's rules"), absl::string_view::npos) << status;
  }
  ExpectError("/decoder", repeated("decoders", twice, 13), kInvalid, "4096 times");
  EXPECT_TRUE(ReadChanged("/decoder", repeated("decoders", twice, 12)).ok());
  const json any = {{"type", "Replace"}, {"pattern", {{"Regex", "x*"}}}, {"content", "12345678"}};
  ExpectError("/decoder", repeated("decoders", any, 4), kInvalid, "4096 times");
  ExpectError("/normalizer", repeated("normalizers", {{"type", "NFC"}}, 65), kInvalid, "64 steps");
  ExpectError("/pre_tokenizer", repeated("pretokenizers", {{"type", "Whitespace"}}, 65), kInvalid,
              "64 steps");
  ExpectError("/decoder", repeated("decoders", {{"type", "Fuse"}}, 65), kInvalid, "64 steps");
  ExpectError("/post_processor/special_tokens/<s>/ids", json(1025, 5), kInvalid, "1024 tokens");
}

// A charsmap whose links lead anywhere matches nothing there, and reads nothing outside.
TEST(HostileJson, RandomCharsMaps) {
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    std::string bytes = {16, 0, 0, 0};
    for (int i = 0; i < 16; ++i) bytes.push_back(static_cast<char>(random()));
    bytes.append("a\0bc", round % 2 == 0 ? 4 : 0);
    auto map = CharsMap::Parse(bytes);
    if (!map.ok()) continue;
    for (int i = 0; i < 20; ++i) map->Apply(std::string(1, static_cast<char>(random())) + "aé");
    EXPECT_EQ(map->bytes(), bytes);
  }
}

TEST(HostileJson, IdsOfAddedTokensAreCountedAsTheLibraryDoes) {
  nlohmann::json document = nlohmann::json::parse(kSmall);
  document["added_tokens"][0]["id"] = 2000000000;
  document["truncation"] = {{"max_length", 3}};
  auto pipeline = ReadTokenizerJson(document.dump(), {});
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  const Tokenizer tokenizer(*std::move(pipeline));
  EXPECT_EQ(tokenizer.Find("<s>"), 5);
  ASSERT_EQ(tokenizer.notes().size(), 2u);
  EXPECT_NE(tokenizer.notes()[0].find("2000000000"), std::string::npos);
  EXPECT_NE(tokenizer.notes()[1].find("truncation"), std::string::npos);
  // Its numbers begin at the number of pieces, though one of them (and an added one) lies beyond.
  document["model"]["vocab"]["u"] = 9;
  document["added_tokens"].insert(document["added_tokens"].begin(), document["added_tokens"][0]);
  document["added_tokens"][0]["content"] = "u";
  pipeline = ReadTokenizerJson(document.dump(), {});
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  EXPECT_EQ(Tokenizer(*std::move(pipeline)).Find("<s>"), 5);
}

// One that almost fits everywhere would be looked at from every place to the end.
TEST(HostileJson, LongAddedTokensAreStopped) {
  nlohmann::json document = nlohmann::json::parse(kSmall);
  document["added_tokens"][0]["content"] = std::string(8192, 'a') + "b";
  document["post_processor"] = nullptr;
  auto pipeline = ReadTokenizerJson(document.dump(), {});
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  const Tokenizer tokenizer(*std::move(pipeline));
  std::vector<TokenId> ids;
  const absl::Status status = tokenizer.Encode(std::string(8192, 'a'), {}, ids);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(status.message()).find("added tokens"), std::string::npos) << status;
}

TEST(HostileJson, TruncatedNestedAndNotJson) {
  const std::string text = kSmall;
  for (size_t size = 0; size + 1 < text.size(); size += 7) {
    EXPECT_FALSE(ReadTokenizerJson(text.substr(0, size), {}).ok());
  }
  EXPECT_FALSE(ReadTokenizerJson(std::string(1 << 20, '['), {}).ok());
  EXPECT_FALSE(ReadTokenizerJson("[]", {}).ok());
  EXPECT_FALSE(ReadTokenizerJson("\xFF\xFE", {}).ok());
}

TEST(HostileJson, MutationsNeverCrash) {
  const std::string text = kSmall;
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    std::string mutated = text;
    for (int i = 0; i < 1 + round % 4; ++i) {
      mutated[random() % mutated.size()] = "0123456789\"{}[],:\\-abAB\xC3 "[random() % 26];
    }
    auto pipeline = ReadTokenizerJson(mutated, {});
    if (!pipeline.ok()) continue;
    const Tokenizer tokenizer(*std::move(pipeline));
    std::vector<TokenId> ids;
    if (tokenizer.Encode("ab <s>1\xFF é", {.parse_special = true}, ids).ok()) {
      tokenizer.Decode(ids, /*skip_special=*/false);
    }
  }
}

TEST(HostileGguf, InconsistentVocabularies) {
  GgufVocabulary good;
  good.model = "llama";
  good.tokens = {"<unk>", "<s>", "</s>", "a", "b", "ab", "▁"};
  good.scores = {0, 0, 0, -1, -2, -3, -4};
  good.types = {GgufTokenType::kUnknown, GgufTokenType::kControl, GgufTokenType::kControl,
                GgufTokenType::kNormal,  GgufTokenType::kNormal,  GgufTokenType::kNormal,
                GgufTokenType::kNormal};
  ASSERT_TRUE(MakePipeline(good).ok());
  const auto expect_invalid = [](const GgufVocabulary& vocabulary, const std::string& part) {
    const absl::Status status = MakePipeline(vocabulary).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_NE(std::string(status.message()).find(part), std::string::npos) << status;
  };
  GgufVocabulary bad = good;
  bad.tokens.clear();
  expect_invalid(bad, "tokens is empty");
  bad = good;
  bad.scores.pop_back();
  expect_invalid(bad, "scores has 6");
  bad = good;
  bad.types.push_back(GgufTokenType::kNormal);
  expect_invalid(bad, "token_type has 8");
  bad = good;
  bad.scores[3] = std::nanf("");
  expect_invalid(bad, "scores[3] is NaN");
  bad = good;
  bad.bos = 7;
  expect_invalid(bad, "bos_token_id is 7");
  bad = good;
  bad.model = "gpt2";
  bad.pre = "magic";
  EXPECT_EQ(MakePipeline(bad).status().code(), absl::StatusCode::kUnimplemented);
  bad.pre = "gpt-2";
  bad.merges = {"ab"};
  expect_invalid(bad, "'ab', not two pieces");
  // The smallest vocabulary: all else is unknown, and a run of it one token, as in SentencePiece.
  const Tokenizer tokenizer(*MakePipeline(good));
  EXPECT_EQ(Encode(tokenizer, "ab\xFF?"), (std::vector<TokenId>{1, 6, 5, 0}));
}

TEST(HostileSentencePiece, DamagedModelsAreRefused) {
  const std::string bytes = ReadFile(GoldenFolder() + "spm_bpe/tokenizer.model");
  EXPECT_TRUE(ReadSentencePieceModel(bytes, {}, {}).ok());
  EXPECT_FALSE(ReadSentencePieceModel("", {}, {}).ok());
  EXPECT_FALSE(ReadSentencePieceModel("not a model", {}, {}).ok());
  EXPECT_FALSE(ReadSentencePieceModel(bytes.substr(0, bytes.size() / 2 + 1), {}, {}).ok());
}

TEST(Load, MissingFilesAreNamed) {
  EXPECT_EQ(LoadTokenizer("/nonexistent/x").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadTokenizer(GoldenFolder()).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace skep::engine::tokenizer
