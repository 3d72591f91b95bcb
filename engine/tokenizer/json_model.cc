#include "engine/tokenizer/json_model.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/json_parts.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"
#include "engine/tokenizer/unigram.h"
#include "engine/tokenizer/word_level.h"
#include "engine/tokenizer/word_piece.h"

namespace skep::engine::tokenizer {
namespace {

constexpr int64_t kMaxTokenId = INT32_MAX - 1;

// {"piece": id, ...}.
absl::StatusOr<std::vector<Vocabulary::Entry>> ReadIdsByPiece(const JsonNode& node) {
  if (!node.is_object()) return node.WrongType("an object of pieces and their ids");
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(node.value().size());
  for (const auto& [piece, id] : node.value().items()) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > kMaxTokenId) {
      return node[piece].Error(Concat("wanted a token id, got ", id.dump()));
    }
    entries.emplace_back(piece, id.get<TokenId>());
  }
  return entries;
}

// [["piece", score], ...], by id.
absl::StatusOr<std::vector<Vocabulary::Entry>> ReadScoredPieces(const JsonNode& node) {
  if (!node.is_array()) return node.WrongType("an array of pieces and their scores");
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(node.value().size());
  for (const nlohmann::json& pair : node.value()) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number()) {
      return node.Error(Concat("entry ", entries.size(), " is not a piece and its score"));
    }
    entries.emplace_back(pair[0].get<std::string>(), static_cast<TokenId>(entries.size()));
  }
  return entries;
}

// "a b", or ["a", "b"] where pieces hold spaces. The views are of `node`'s strings.
absl::StatusOr<std::vector<Bpe::MergeRule>> ReadMerges(const JsonNode& node) {
  if (!node.is_array()) return node.WrongType("an array of merges");
  std::vector<Bpe::MergeRule> merges;
  merges.reserve(node.value().size());
  for (size_t i = 0; i < node.value().size(); ++i) {
    const nlohmann::json& merge = node.value()[i];
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.emplace_back(merge[0].get_ref<const std::string&>(),
                          merge[1].get_ref<const std::string&>());
      continue;
    }
    const JsonNode element(merge, Concat(node.path(), "[", i, "]"));
    if (!merge.is_string()) return element.WrongType("two pieces");
    const std::string_view text = merge.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
      return element.Error(Concat("'", text, "' is not two pieces"));
    }
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return merges;
}

// The unknown token by its name; `must_exist`: InvalidArgument if the vocabulary lacks it.
absl::Status ReadUnknown(const JsonNode& node, std::string_view by_default, bool must_exist,
                         Pipeline& pipeline) {
  std::string name;
  SKEP_ASSIGN(name, node.String(by_default));
  if (name.empty()) return absl::OkStatus();
  pipeline.special_ids.unk = pipeline.vocabulary.Find(name);
  if (!pipeline.special_ids.unk && must_exist) {
    return node.Error(Concat("'", name, "' is not in the vocabulary"));
  }
  return absl::OkStatus();
}

// Pieces that a text may become.
std::vector<WordPiece::Piece> TextPieces(const Vocabulary& vocabulary) {
  std::vector<WordPiece::Piece> pieces;
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    if ((vocabulary.flags(id) & (kAbsent | kNotText)) != 0) continue;
    pieces.emplace_back(vocabulary.text(id), id);
  }
  return pieces;
}

absl::Status FillBpe(const JsonNode& node, Pipeline& pipeline) {
  BpeOptions options;
  SKEP_ASSIGN(options.ignore_merges, node["ignore_merges"].Bool(false));
  SKEP_ASSIGN(options.byte_fallback, node["byte_fallback"].Bool(false));
  SKEP_ASSIGN(options.fuse_unk, node["fuse_unk"].Bool(false));
  SKEP_ASSIGN(options.continuing_subword_prefix, node["continuing_subword_prefix"].String(""));
  SKEP_ASSIGN(options.end_of_word_suffix, node["end_of_word_suffix"].String(""));
  const nlohmann::json& dropout = node["dropout"].value();
  if (!dropout.is_null() && dropout != 0.0) {
    pipeline.notes.push_back(Concat("model.dropout (", dropout.dump(),
                                    ") is left out: it is for training; every merge is done"));
  }
  SKEP_RETURN_IF_ERROR(ReadUnknown(node["unk_token"], "", /*must_exist=*/true, pipeline));
  options.unk = pipeline.special_ids.unk;
  options.byte_level =
      options.continuing_subword_prefix.empty() && options.end_of_word_suffix.empty() &&
      Bpe::HasAllBytes(pipeline.vocabulary) && DeliverBytes(pipeline.pre_tokenizer);
  std::vector<Bpe::MergeRule> merges;
  SKEP_ASSIGN(merges, ReadMerges(node["merges"]));
  auto model = Bpe::Make(pipeline.vocabulary, merges, /*strict=*/true, std::move(options));
  if (!model.ok()) return node["merges"].Error(std::string(model.status().message()));
  pipeline.model = *std::move(model);
  return absl::OkStatus();
}

// A number of the file as the library's JSON parser (serde_json) reads it: the digits as an
// integer, times a power of ten, so that the last bit may differ from the nearest double. It
// decides between ways to write a text that are equally good.
double AsTheLibraryReads(double value) {
  char text[32];
  const auto written =
      std::to_chars(text, text + sizeof(text), std::abs(value), std::chars_format::scientific);
  uint64_t digits = 0;
  int exponent = 0;
  bool behind_point = false;
  const char* at = text;
  for (; at < written.ptr && *at != 'e'; ++at) {
    if (*at == '.') {
      behind_point = true;
      continue;
    }
    digits = digits * 10 + static_cast<uint64_t>(*at - '0');
    exponent -= behind_point ? 1 : 0;
  }
  int written_exponent = 0;
  if (at < written.ptr) {
    ++at;
    if (*at == '+') ++at;
    std::from_chars(at, written.ptr, written_exponent);
  }
  exponent += written_exponent;
  constexpr int kMaxExponent = 300;  // no score is near
  if (std::abs(exponent) > kMaxExponent) return value;
  double power = 1;
  const std::string power_text = Concat("1e", std::abs(exponent));
  std::from_chars(power_text.data(), power_text.data() + power_text.size(), power);
  const double result = static_cast<double>(digits);
  return std::copysign(exponent < 0 ? result / power : result * power, value);
}

absl::Status FillUnigram(const JsonNode& node, Pipeline& pipeline) {
  UnigramOptions options;
  if (!node["unk_id"].is_null()) {
    int64_t unk = 0;
    SKEP_ASSIGN(unk, node["unk_id"].Int());
    if (unk < 0 || unk > kMaxTokenId) return node["unk_id"].Error(Concat(unk, " is out of range"));
    options.unk = static_cast<TokenId>(unk);
    pipeline.special_ids.unk = options.unk;
  }
  bool byte_fallback = false;
  SKEP_ASSIGN(byte_fallback, node["byte_fallback"].Bool(false));
  if (byte_fallback) {
    options.byte_pieces = pipeline.vocabulary.BytePieces().value_or(std::vector<TokenId>());
  }
  std::vector<UnigramPiece> pieces;
  pieces.reserve(node["vocab"].value().size());
  for (const nlohmann::json& pair : node["vocab"].value()) {  // checked by ReadScoredPieces
    const TokenId id = static_cast<TokenId>(pieces.size());
    pieces.push_back({pair[0].get<std::string>(), AsTheLibraryReads(pair[1].get<double>()),
                      (pipeline.vocabulary.flags(id) & kNotText) == 0});
  }
  auto model = Unigram::Make(std::move(pieces), std::move(options));
  if (!model.ok()) return node.Error(std::string(model.status().message()));
  pipeline.model = *std::move(model);
  return absl::OkStatus();
}

absl::Status FillWordPiece(const JsonNode& node, Pipeline& pipeline) {
  WordPieceOptions options;
  SKEP_ASSIGN(options.continuing_prefix, node["continuing_subword_prefix"].String("##"));
  SKEP_ASSIGN(options.max_characters, node["max_input_chars_per_word"].Int(100));
  SKEP_RETURN_IF_ERROR(ReadUnknown(node["unk_token"], "[UNK]", /*must_exist=*/false, pipeline));
  options.unk = pipeline.special_ids.unk;
  pipeline.model = std::make_unique<WordPiece>(TextPieces(pipeline.vocabulary), std::move(options));
  return absl::OkStatus();
}

absl::Status FillWordLevel(const JsonNode& node, Pipeline& pipeline) {
  SKEP_RETURN_IF_ERROR(ReadUnknown(node["unk_token"], "<unk>", /*must_exist=*/false, pipeline));
  pipeline.model =
      std::make_unique<WordLevel>(TextPieces(pipeline.vocabulary), pipeline.special_ids.unk);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadModelType(const JsonNode& model) {
  if (!model.is_object()) return model.WrongType("an object");
  std::string_view by_default = "WordLevel";
  if (model["merges"].is_array()) {
    by_default = "BPE";
  } else if (model["vocab"].is_array()) {
    by_default = "Unigram";
  } else if (!model["continuing_subword_prefix"].is_null()) {
    by_default = "WordPiece";
  }
  std::string type;
  SKEP_ASSIGN(type, model["type"].String(by_default));
  if (type == "BPE" || type == "Unigram" || type == "WordPiece" || type == "WordLevel") return type;
  return model.Unknown(Concat("model '", type, "'"));
}

absl::StatusOr<std::vector<Vocabulary::Entry>> ReadModelVocabulary(const JsonNode& model,
                                                                   std::string_view type) {
  return type == "Unigram" ? ReadScoredPieces(model["vocab"]) : ReadIdsByPiece(model["vocab"]);
}

absl::Status FillModel(const JsonNode& model, std::string_view type, Pipeline& pipeline) {
  if (type == "BPE") return FillBpe(model, pipeline);
  if (type == "Unigram") return FillUnigram(model, pipeline);
  if (type == "WordPiece") return FillWordPiece(model, pipeline);
  return FillWordLevel(model, pipeline);
}

}  // namespace skep::engine::tokenizer
