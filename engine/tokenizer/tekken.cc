// tekken.json, the vocabulary of Mistral's newer models. Source: mistral_common,
// tokens/tokenizers/tekken.py.
#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/tiktoken.h"

namespace skep::engine::tokenizer {
namespace {

constexpr int64_t kMaxVocabulary = int64_t{1} << 24;
constexpr int64_t kMaxSpecial = int64_t{1} << 16;  // they need not be listed; released files: 1000

// Of files that list none (versions up to v7), from id 0 on.
constexpr std::string_view kFirstSpecial[] = {"<unk>",
                                              "<s>",
                                              "</s>",
                                              "[INST]",
                                              "[/INST]",
                                              "[AVAILABLE_TOOLS]",
                                              "[/AVAILABLE_TOOLS]",
                                              "[TOOL_RESULTS]",
                                              "[/TOOL_RESULTS]",
                                              "[TOOL_CALLS]",
                                              "[IMG]",
                                              "<pad>",
                                              "[IMG_BREAK]",
                                              "[IMG_END]",
                                              "[PREFIX]",
                                              "[MIDDLE]",
                                              "[SUFFIX]",
                                              "[SYSTEM_PROMPT]",
                                              "[/SYSTEM_PROMPT]",
                                              "[TOOL_CONTENT]"};

absl::StatusOr<int64_t> ReadCount(const JsonNode& node, int64_t largest) {
  int64_t count = 0;
  SKEP_ASSIGN(count, node.Int());
  if (count < 0 || count > largest) {
    return node.Error(Concat(count, " is out of range (at most ", largest, ")"));
  }
  return count;
}

// Ids 0 to `count` - 1 are special, whether they have a name or not.
absl::StatusOr<std::vector<AddedToken>> ReadSpecial(const JsonNode& list, int64_t count) {
  std::vector<AddedToken> tokens(count);
  for (int64_t id = 0; id < count; ++id) {
    tokens[id].id = static_cast<TokenId>(id);
    tokens[id].special = true;
    tokens[id].content = Concat("<SPECIAL_", id, ">");
  }
  if (list.is_null()) {
    for (int64_t id = 0; id < std::min<int64_t>(count, std::size(kFirstSpecial)); ++id) {
      tokens[id].content = std::string(kFirstSpecial[id]);
    }
    return tokens;
  }
  if (!list.is_array()) return list.WrongType("an array of special tokens");
  for (const JsonNode& element : list.Elements()) {
    int64_t rank = 0;
    SKEP_ASSIGN(rank, element["rank"].Int());
    if (rank < 0 || rank >= count) {
      return element["rank"].Error(
          Concat(rank, " is not below default_num_special_tokens, ", count));
    }
    SKEP_ASSIGN(tokens[rank].content, element["token_str"].String());
  }
  return tokens;
}

// The first `count` pieces; those that follow are spare.
absl::StatusOr<std::vector<RankBpe::Piece>> ReadPieces(const JsonNode& list, int64_t count,
                                                       int64_t first_id) {
  if (!list.is_array()) return list.WrongType("an array of pieces");
  std::vector<RankBpe::Piece> pieces;
  for (const JsonNode& element : list.Elements()) {
    int64_t rank = 0;
    SKEP_ASSIGN(rank, element["rank"].Int());
    if (rank < 0 || rank > kMaxVocabulary) {
      return element["rank"].Error(Concat(rank, " is out of range"));
    }
    if (rank >= count) continue;
    std::string base64;
    SKEP_ASSIGN(base64, element["token_bytes"].String());
    RankBpe::Piece piece;
    if (!absl::Base64Unescape(base64, &piece.first) || piece.first.empty()) {
      return element["token_bytes"].Error("wanted bytes in base64");
    }
    piece.second = static_cast<TokenId>(first_id + rank);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

}  // namespace

bool LooksLikeTekken(const nlohmann::json& document) {
  const JsonNode root(document, "");
  return root["vocab"].is_array() && root["config"]["pattern"].is_string();
}

absl::StatusOr<std::unique_ptr<Pipeline>> ReadTekken(const nlohmann::json& document) {
  const JsonNode root(document, "");
  const JsonNode config = root["config"];
  int64_t special_count = 0, size = 0;
  SKEP_ASSIGN(special_count, ReadCount(config["default_num_special_tokens"], kMaxSpecial));
  SKEP_ASSIGN(size, ReadCount(config["default_vocab_size"], kMaxVocabulary));
  if (size <= special_count) {
    return config["default_vocab_size"].Error(
        Concat(size, " leaves no room for pieces beside ", special_count, " special tokens"));
  }
  RankedVocabulary vocabulary;
  vocabulary.source = "tekken.json";
  vocabulary.regexes.resize(1);
  SKEP_ASSIGN(vocabulary.regexes[0], config["pattern"].String());
  SKEP_ASSIGN(vocabulary.added, ReadSpecial(root["special_tokens"], special_count));
  SKEP_ASSIGN(vocabulary.pieces, ReadPieces(root["vocab"], size - special_count, special_count));
  if (static_cast<int64_t>(vocabulary.pieces.size()) != size - special_count) {
    return root["vocab"].Error(
        Concat("wanted ", size - special_count, " pieces, got ", vocabulary.pieces.size()));
  }
  vocabulary.bos = "<s>";
  vocabulary.eos = "</s>";
  vocabulary.pad = "<pad>";
  vocabulary.unk = "<unk>";
  vocabulary.prefix = {vocabulary.bos};
  return MakeRankedPipeline(std::move(vocabulary));
}

}  // namespace skep::engine::tokenizer
