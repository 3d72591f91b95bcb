// Vocabulary files from outside: damage gives errors that name the place, never a crash.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "engine/tokenizer/gguf_vocabulary.h"
#include "engine/tokenizer/rwkv_vocabulary.h"
#include "engine/tokenizer/sentencepiece_model.h"
#include "engine/tokenizer/sentencepiece_proto.h"
#include "engine/tokenizer/tiktoken.h"
#include "engine/tokenizer/vocabulary_files.h"
#include "test_files.h"

namespace skep::engine::tokenizer {
namespace {

void ExpectError(const absl::Status& status, absl::StatusCode code, const std::string& part) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_NE(std::string(status.message()).find(part), std::string::npos) << status;
}
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

void TryEncoding(absl::StatusOr<std::unique_ptr<Pipeline>> pipeline) {
  if (!pipeline.ok()) return;
  const Tokenizer tokenizer(*std::move(pipeline));
  std::vector<TokenId> ids;
  if (tokenizer.Encode("ab <s>1\xFF é\n", {.parse_special = true}, ids).ok()) {
    tokenizer.Decode(ids, /*skip_special=*/false);
  }
}

// Calls `read` with changed copies of `text`.
template <typename Read>
void Mutate(const std::string& text, const Read& read) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string mutated = text;
    for (int i = 0; i < 1 + round % 4; ++i) {
      mutated[random() % mutated.size()] = static_cast<char>(random());
    }
    if (round % 5 == 0) mutated.resize(random() % mutated.size());
    TryEncoding(read(mutated));
  }
}

TEST(HostileTiktoken, ErrorsNameTheLine) {
  FolderConfig config;
  config.tokenizer_class = "QWenTokenizer";
  const auto read = [&](std::string_view text) {
    return ReadTiktoken(text, "x.tiktoken", config).status();
  };
  EXPECT_TRUE(read("YQ== 0\nYg== 1\nYWI= 2\n").ok());
  ExpectError(read("YQ== 0\nYg==\n"), kInvalid, "line 2");
  ExpectError(read("YQ== 0\n!! 1\n"), kInvalid, "line 2");
  ExpectError(read("YQ== -1\n"), kInvalid, "line 1");
  ExpectError(read("YQ== 99999999999\n"), kInvalid, "line 1");
  ExpectError(read("YQ== 2147483647\n"), kInvalid, "2147483647");
  ExpectError(read("YQ== 1000000000\n"), kInvalid, "out of proportion");
  ExpectError(read("\n\n"), kInvalid, "no pieces");
  ExpectError(read("YQ== 0\nYg== 0\n"), kInvalid, "'a' and 'b' both have the id 0");
  EXPECT_TRUE(read("YQ== 0\nYQ== 1\n").ok());  // the last one counts
  config.tokenizer_class = "Magic";
  ExpectError(read("YQ== 0\n"), absl::StatusCode::kUnimplemented, "'Magic'");
  config.tokenizer_config = {{"pat_str", "("}};
  EXPECT_FALSE(read("YQ== 0\n").ok());
  config.tokenizer_config = {{"pat_str", "."}};
  EXPECT_TRUE(read("YQ== 0\n").ok());
  Mutate("YQ== 0\nYg== 1\nYWI= 2\nIA== 3\n",
         [&](std::string_view text) { return ReadTiktoken(text, "x.tiktoken", config); });
}

TEST(HostileTekken, ErrorsNameThePlace) {
  const nlohmann::json good = {
      {"config", {{"pattern", "."}, {"default_vocab_size", 4}, {"default_num_special_tokens", 2}}},
      {"vocab",
       {{{"rank", 0}, {"token_bytes", "YQ=="}},
        {{"rank", 1}, {"token_bytes", "Yg=="}},
        {{"rank", 2}, {"token_bytes", "YWI="}}}}};
  EXPECT_TRUE(LooksLikeTekken(good));
  EXPECT_TRUE(ReadTekken(good).ok());
  const auto changed = [&](const std::string& pointer, const nlohmann::json& value) {
    nlohmann::json document = good;
    document[nlohmann::json::json_pointer(pointer)] = value;
    return ReadTekken(document).status();
  };
  ExpectError(changed("/config/default_vocab_size", 2), kInvalid, "config.default_vocab_size");
  ExpectError(changed("/config/default_vocab_size", 9), kInvalid, "wanted 7 pieces");
  ExpectError(changed("/config/default_vocab_size", int64_t{1} << 40), kInvalid, "out of range");
  ExpectError(changed("/config/default_num_special_tokens", -1), kInvalid, "out of range");
  ExpectError(changed("/config/default_num_special_tokens", 65537), kInvalid, "at most 65536");
  ExpectError(changed("/config/pattern", "("), kInvalid, "(");
  ExpectError(changed("/vocab/0/token_bytes", "!"), kInvalid, "vocab[0].token_bytes");
  ExpectError(changed("/vocab/0/rank", -1), kInvalid, "vocab[0].rank");
  ExpectError(changed("/special_tokens", {{{"rank", 5}, {"token_str", "x"}}}), kInvalid,
              "special_tokens[0].rank");
  ExpectError(changed("/vocab", 1), kInvalid, "vocab");
}

// transformers' load_vocab keeps the last line of a piece.
TEST(HostileVocabTxt, OfAPieceThatIsThereTwiceTheLastOneCounts) {
  auto pipeline = ReadWordPieceVocabulary("[CLS]\n[SEP]\n[UNK]\na\n[CLS]\na\n", FolderConfig());
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  const Tokenizer tokenizer(*std::move(pipeline));
  std::vector<TokenId> ids;
  ASSERT_TRUE(tokenizer.Encode("a[CLS]", {.parse_special = true}, ids).ok());
  EXPECT_EQ(ids, (std::vector<TokenId>{4, 5, 4, 1}));
  EXPECT_EQ(tokenizer.Decode(ids, /*skip_special=*/true), "a");
  ASSERT_TRUE(tokenizer.Encode("[CLS]", {.add_special = false}, ids).ok());
  EXPECT_EQ(ids, (std::vector<TokenId>{2, 2, 2}));
}

// SentencePiece makes one unknown token of a run of unknown characters.
TEST(HostileGguf, UnknownCharactersWithoutBytePiecesAreOneToken) {
  GgufVocabulary gguf;
  gguf.model = "llama";
  gguf.tokens = {"<unk>", "<s>", "</s>", "a"};
  gguf.scores.assign(4, 0.0f);
  gguf.types = {GgufTokenType::kUnknown, GgufTokenType::kControl, GgufTokenType::kControl,
                GgufTokenType::kNormal};
  gguf.add_space_prefix = false;
  auto pipeline = MakePipeline(gguf);
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  const Tokenizer tokenizer(*std::move(pipeline));
  std::vector<TokenId> ids;
  ASSERT_TRUE(tokenizer.Encode("xyza?!aa", {.add_special = false}, ids).ok());
  EXPECT_EQ(ids, (std::vector<TokenId>{0, 3, 0, 3, 3}));
}

TEST(HostileRwkv, ErrorsNameTheLine) {
  EXPECT_TRUE(ReadRwkvVocabulary("1 '\\x00' 1\n2 b'\\xff' 1\n3 \"'\" 1\n4 'é ' 3\n").ok());
  const auto read = [](std::string_view text) { return ReadRwkvVocabulary(text).status(); };
  ExpectError(read(""), kInvalid, "no pieces");
  ExpectError(read("1 'a' 1\n2\n"), kInvalid, "line 2");
  ExpectError(read("1 'a' 2\n"), kInvalid, "1 bytes, not 2");
  ExpectError(read("1 a 1\n"), kInvalid, "not quoted");
  ExpectError(read("1 ' 1\n"), kInvalid, "not quoted");
  ExpectError(read("1 '\\x0' 1\n"), kInvalid, "broken escape");
  ExpectError(read("1 '\\ud800' 3\n"), kInvalid, "broken escape");
  ExpectError(read("1 '\\U00110000' 4\n"), kInvalid, "broken escape");
  ExpectError(read("1 '\\' 1\n"), kInvalid, "broken escape");
  ExpectError(read("-1 'a' 1\n"), kInvalid, "line 1");
  ExpectError(read("2000000000 'a' 1\n"), kInvalid, "2000000000");
  Mutate("1 '\\x00' 1\n2 b'\\xff' 1\n3 \"'\" 1\n4 'a' 1\n", ReadRwkvVocabulary);
}

TEST(HostileVocabJson, ErrorsNameThePlace) {
  const std::string vocab = R"({"a": 0, "b": 1, "ab": 2})";
  const auto read = [](std::string_view vocabulary, std::string_view merges) {
    return ReadVocabularyAndMerges(vocabulary, merges, FolderConfig()).status();
  };
  EXPECT_TRUE(read(vocab, "#version: 0.2\na b\n").ok());
  ExpectError(read(vocab, "a b\nab\n"), kInvalid, "merges.txt, line 2");
  ExpectError(read(vocab, "a b c\n"), kInvalid, "merges.txt, line 1");
  ExpectError(read(vocab, "a x\n"), kInvalid, "'x'");
  ExpectError(read("[]", ""), kInvalid, "vocab.json");
  ExpectError(read("{", ""), kInvalid, "vocab.json");
  ExpectError(read(R"({"a": -1})", ""), kInvalid, "model.vocab");
  FolderConfig config;
  config.tokenizer_class = "Magic";
  ExpectError(ReadVocabularyAndMerges(vocab, "", config).status(), absl::StatusCode::kUnimplemented,
              "'Magic'");
  Mutate(vocab, [](std::string_view text) {
    return ReadVocabularyAndMerges(text, "a b\n", FolderConfig());
  });
}

std::string CharsmapOf(uint32_t trie_bytes, const std::vector<uint32_t>& units) {
  std::string result(reinterpret_cast<const char*>(&trie_bytes), 4);
  result.append(reinterpret_cast<const char*>(units.data()), units.size() * 4);
  return result + std::string("x\0", 2);
}

TEST(HostileSentencePiece, CharsmapsStayInside) {
  SentencePieceSource source;
  source.pieces = {{"<unk>", 0, SentencePieceType::kUnknown}, {"a", -1}, {"\xE2\x96\x81", -2}};
  const auto read = [&](std::string charsmap) {
    source.precompiled_charsmap = std::move(charsmap);
    return ReadSentencePieceModel(WriteSentencePieceModel(source), {}, {}).status();
  };
  EXPECT_TRUE(read("").ok());
  std::vector<uint32_t> units(256);
  EXPECT_TRUE(read(CharsmapOf(1024, units)).ok());
  units[0] = 0x3FFu << 10;  // children behind the end
  ExpectError(read(CharsmapOf(1024, units)), kInvalid, "charsmap");
  units[0] = 0;
  units['a'] = 'a' | uint32_t{'a'} << 10;  // its children are the root's
  ExpectError(read(CharsmapOf(1024, units)), kInvalid, "charsmap");
  units['a'] = 'a' | 1u << 8 | uint32_t{'a' ^ 'b'} << 10;
  units['b'] = 0x7FFFFFFF;  // a value behind the replacements
  ExpectError(read(CharsmapOf(1024, units)), kInvalid, "charsmap");
  ExpectError(read(CharsmapOf(1 << 20, units)), kInvalid, "cut off");
  ExpectError(read(CharsmapOf(1000, units)), kInvalid, "multiple of 1024");
  ExpectError(read("abc"), kInvalid, "cut off");
}

TEST(HostileSentencePiece, MutationsNeverCrash) {
  SentencePieceSource source;
  source.pieces = {{"<unk>", 0, SentencePieceType::kUnknown},
                   {"a", -1},
                   {"b", -2},
                   {"ab", -3},
                   {"<x>", 0, SentencePieceType::kUserDefined}};
  std::vector<uint32_t> units(256);
  source.precompiled_charsmap = CharsmapOf(1024, units);
  Mutate(WriteSentencePieceModel(source),
         [](std::string_view bytes) { return ReadSentencePieceModel(bytes, {}, {}); });
}

TEST(HostileGguf, KindsCheckTheirIds) {
  GgufVocabulary gguf;
  gguf.tokens = {"[PAD]",
                 "[UNK]",
                 "[CLS]",
                 "[SEP]",
                 "\xE2\x96\x81"
                 "a",
                 "b"};
  gguf.types.assign(6, GgufTokenType::kNormal);
  for (int i = 0; i < 4; ++i) gguf.types[i] = GgufTokenType::kControl;
  gguf.model = "bert";
  ExpectError(MakePipeline(gguf).status(), kInvalid, "cls_token_id is 101");
  gguf.cls = 2;
  gguf.sep = 3;
  gguf.unk = -5;
  ExpectError(MakePipeline(gguf).status(), kInvalid, "unknown_token_id is -5");
  gguf.model = "t5";
  ExpectError(MakePipeline(gguf).status(), kInvalid, "unknown_token_id is -5");
  gguf.unk = 1;
  EXPECT_TRUE(MakePipeline(gguf).ok());
  gguf.model = "rwkv";
  gguf.tokens[5] = "\\x";
  ExpectError(MakePipeline(gguf).status(), kInvalid, "tokens[5]");
  gguf.model = "gpt2";
  ExpectError(MakePipeline(gguf).status(), kInvalid, "tokenizer.ggml.merges is missing");
  gguf.model = "magic";
  ExpectError(MakePipeline(gguf).status(), absl::StatusCode::kUnimplemented, "'magic'");
}

TEST(Load, FoldersSayWhatIsMissing) {
  const std::string folder = testing::TempDir() + "/vocabulary_folder";
  std::filesystem::create_directories(folder);
  std::filesystem::remove(folder + "/merges.txt");
  std::ofstream(folder + "/vocab.json") << R"({"a": 0})";
  ExpectError(LoadTokenizer(folder).status(), absl::StatusCode::kNotFound, "but not merges.txt");
  std::ofstream(folder + "/merges.txt") << "#version: 0.2\n";
  EXPECT_TRUE(LoadTokenizer(folder).ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace skep::engine::tokenizer
