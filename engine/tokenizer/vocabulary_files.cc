#include "engine/tokenizer/vocabulary_files.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/pre_types.h"
#include "engine/tokenizer/status_macros.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

using nlohmann::json;

// ---- Classes with vocab.json and merges.txt ----

struct KnownClass {
  std::string_view name;      // without "Fast"
  std::string_view pre_type;  // of pre_types.h; empty: the expression of ByteLevel itself
  bool nfc;
  bool digits;                          // cuts single digits off first
  bool sep_around;                      // cls before a text, sep behind it
  std::string_view eos, bos, unk, pad;  // where no file names them
};

// Source: transformers 5, models/*/tokenization_*.py.
constexpr KnownClass kClasses[] = {
    {"GPT2Tokenizer", "", false, false, false, "<|endoftext|>", "<|endoftext|>", "<|endoftext|>",
     ""},
    {"CodeGenTokenizer", "", false, false, false, "<|endoftext|>", "<|endoftext|>", "<|endoftext|>",
     ""},
    {"GPTNeoXTokenizer", "", true, false, false, "<|endoftext|>", "<|endoftext|>", "<|endoftext|>",
     "<|padding|>"},
    {"Qwen2Tokenizer", "qwen2", true, false, false, "<|endoftext|>", "", "", "<|endoftext|>"},
    {"Qwen3_5Tokenizer", "qwen35", true, false, false, "<|endoftext|>", "", "", "<|endoftext|>"},
    {"CohereTokenizer", "", true, true, false, "<|END_OF_TURN_TOKEN|>", "<BOS_TOKEN>", "<UNK>",
     "<PAD>"},
    {"RobertaTokenizer", "", false, false, true, "</s>", "<s>", "<unk>", "<pad>"},
    {"LongformerTokenizer", "", false, false, true, "</s>", "<s>", "<unk>", "<pad>"},
    {"BartTokenizer", "", false, false, true, "</s>", "<s>", "<unk>", "<pad>"},
};
// Classes that only say that the folder's files are all there is to know.
constexpr std::string_view kGenericClasses[] = {"", "PreTrainedTokenizer",
                                                "PreTrainedTokenizerFast", "TokenizersBackend"};

struct KnownModelType {
  std::string_view model_type, tokenizer_class;
};
constexpr KnownModelType kModelTypes[] = {
    {"qwen2", "Qwen2Tokenizer"},      {"qwen2_moe", "Qwen2Tokenizer"},
    {"qwen3", "Qwen2Tokenizer"},      {"qwen3_moe", "Qwen2Tokenizer"},
    {"qwen3_next", "Qwen2Tokenizer"}, {"gpt_neox", "GPTNeoXTokenizer"},
    {"roberta", "RobertaTokenizer"},  {"bart", "BartTokenizer"},
    {"cohere", "CohereTokenizer"},    {"cohere2", "CohereTokenizer"}};

std::optional<KnownClass> FindClass(const FolderConfig& config) {
  std::string_view name = config.tokenizer_class;
  if (name.ends_with("Fast") && name != "PreTrainedTokenizerFast") name.remove_suffix(4);
  if (std::find(std::begin(kGenericClasses), std::end(kGenericClasses), name) !=
      std::end(kGenericClasses)) {
    name = kClasses[0].name;
    for (const KnownModelType& known : kModelTypes) {
      if (known.model_type == config.model_type) name = known.tokenizer_class;
    }
  }
  for (const KnownClass& known : kClasses) {
    if (known.name == name) return known;
  }
  return std::nullopt;
}

json ToJson(const AddedToken& token) {
  return {{"id", token.id},
          {"content", token.content},
          {"special", token.special},
          {"single_word", token.single_word},
          {"lstrip", token.lstrip},
          {"rstrip", token.rstrip},
          {"normalized", token.normalized}};
}

// The tokens of the folder's files, and the special ones that only the class knows.
json AddedTokensJson(const FolderConfig& config, const TokenizerConfig& tokens, bool has_mask,
                     const json& vocab) {
  json list = json::array();
  std::vector<std::string> listed;
  for (const AddedToken& token : config.added) {
    list.push_back(ToJson(token));
    listed.push_back(token.content);
  }
  std::vector<std::optional<std::string>> names = {tokens.bos_token, tokens.eos_token,
                                                   tokens.pad_token, tokens.unk_token};
  for (const char* key : {"cls_token", "sep_token", "mask_token"}) {
    const JsonNode node = JsonNode(config.tokenizer_config, "")[key];
    if (node.is_string()) names.push_back(*node.String());
  }
  if (has_mask) names.push_back("<mask>");
  for (const std::optional<std::string>& name : names) {
    if (!name || std::find(listed.begin(), listed.end(), *name) != listed.end()) continue;
    const auto found = vocab.find(*name);
    if (found == vocab.end() || !found->is_number_integer()) continue;
    listed.push_back(*name);
    list.push_back({{"id", *found}, {"content", *name}, {"special", true}, {"normalized", false}});
  }
  return list;
}

json SplitJson(std::string_view regex) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", regex}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

json PreTokenizerJson(const KnownClass& known, bool prefix_space) {
  json steps = json::array();
  if (known.digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  if (!known.pre_type.empty()) {
    for (std::string_view regex : FindPreType(known.pre_type)->regexes) {
      steps.push_back(SplitJson(regex));
    }
  }
  steps.push_back({{"type", "ByteLevel"},
                   {"add_prefix_space", prefix_space},
                   {"trim_offsets", true},
                   {"use_regex", known.pre_type.empty()}});
  return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

// "$A" with `before` and `after` (contents, or empty) around it.
json TemplateJson(std::string_view before, std::string_view after, const json& ids) {
  json single = json::array();
  json special = json::object();
  const auto add = [&](std::string_view content) {
    if (content.empty()) return;
    single.push_back({{"SpecialToken", {{"id", content}, {"type_id", 0}}}});
    special[std::string(content)] = {
        {"id", content}, {"ids", {ids[std::string(content)]}}, {"tokens", {content}}};
  };
  add(before);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  add(after);
  return {{"type", "TemplateProcessing"},
          {"single", std::move(single)},
          {"pair", json::array()},
          {"special_tokens", std::move(special)}};
}

absl::StatusOr<json> MergesJson(std::string_view text) {
  json merges = json::array();
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
      return absl::InvalidArgumentError(
          Concat("merges.txt, line ", number, ": '", line.substr(0, 60), "' is not two pieces"));
    }
    merges.push_back({line.substr(0, space), line.substr(space + 1)});
  }
  return merges;
}

std::string Dump(const json& document) {
  return document.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> ReadVocabularyAndMerges(std::string_view vocab_text,
                                                                  std::string_view merges_text,
                                                                  const FolderConfig& config) {
  const std::optional<KnownClass> known = FindClass(config);
  if (!known) {
    return absl::UnimplementedError(
        Concat("tokenizer_class '", config.tokenizer_class,
               "' with vocab.json and merges.txt is not implemented; a tokenizer.json would do"));
  }
  json vocab, merges;
  SKEP_ASSIGN(vocab, ParseJson(vocab_text, "vocab.json"));
  if (!vocab.is_object()) return absl::InvalidArgumentError("vocab.json is not an object");
  SKEP_ASSIGN(merges, MergesJson(merges_text));

  TokenizerConfig tokens = config.tokens;
  const auto fill = [&](std::optional<std::string>& out, std::string_view by_default) {
    if (!out && !by_default.empty() && vocab.contains(std::string(by_default))) {
      out = std::string(by_default);
    }
  };
  fill(tokens.bos_token, known->bos);
  fill(tokens.eos_token, known->eos);
  fill(tokens.unk_token, known->unk);
  fill(tokens.pad_token, known->pad);

  const JsonNode prefix_space = JsonNode(config.tokenizer_config, "")["add_prefix_space"];
  json document = {
      {"version", "1.0"},
      {"added_tokens", AddedTokensJson(config, tokens, known->sep_around, vocab)},
      {"normalizer", known->nfc ? json{{"type", "NFC"}} : json()},
      {"pre_tokenizer",
       PreTokenizerJson(*known, prefix_space.value().is_boolean() && *prefix_space.Bool())},
      {"post_processor", json()},
      {"decoder", {{"type", "ByteLevel"}}},
  };
  if (known->sep_around && vocab.contains("<s>") && vocab.contains("</s>")) {
    document["post_processor"] = TemplateJson("<s>", "</s>", vocab);
  }
  document["model"] = {{"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", std::move(merges)}};
  std::unique_ptr<Pipeline> pipeline;
  SKEP_ASSIGN(pipeline, ReadTokenizerJson(Dump(document), tokens));
  pipeline->source = "vocab.json";
  return pipeline;
}

absl::StatusOr<std::unique_ptr<Pipeline>> MakeWordPiecePipeline(
    const std::vector<std::string>& pieces, const WordPieceSettings& settings,
    const TokenizerConfig& config) {
  json vocab = json::object();
  for (size_t id = 0; id < pieces.size(); ++id) vocab[pieces[id]] = id;
  for (const std::string& needed : {settings.unk, settings.cls, settings.sep}) {
    if (!needed.empty() && !vocab.contains(needed)) {
      return absl::InvalidArgumentError(
          Concat(settings.source, ": the vocabulary lacks '", needed, "'"));
    }
  }
  json added = json::array();
  for (const AddedToken& token : settings.added) added.push_back(ToJson(token));
  json document = {
      {"version", "1.0"},
      {"added_tokens", std::move(added)},
      {"normalizer",
       {{"type", "BertNormalizer"},
        {"clean_text", true},
        {"handle_chinese_chars", settings.handle_chinese},
        {"strip_accents", settings.strip_accents},
        {"lowercase", settings.lowercase}}},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
      {"post_processor", settings.cls.empty() && settings.sep.empty()
                             ? json()
                             : TemplateJson(settings.cls, settings.sep, vocab)},
      {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
  };
  document["model"] = {{"type", "WordPiece"},
                       {"unk_token", settings.unk},
                       {"continuing_subword_prefix", "##"},
                       {"max_input_chars_per_word", 100},
                       {"vocab", std::move(vocab)}};
  std::unique_ptr<Pipeline> pipeline;
  SKEP_ASSIGN(pipeline, ReadTokenizerJson(Dump(document), config));
  pipeline->source = settings.source;
  return pipeline;
}

absl::StatusOr<std::unique_ptr<Pipeline>> ReadWordPieceVocabulary(std::string_view vocab,
                                                                  const FolderConfig& config) {
  std::vector<std::string> pieces;
  while (!vocab.empty()) {
    const size_t end = vocab.find('\n');
    std::string_view line = vocab.substr(0, end);
    vocab.remove_prefix(end == std::string_view::npos ? vocab.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    pieces.emplace_back(line);
  }
  WordPieceSettings settings;
  settings.source = "vocab.txt";
  const JsonNode root(config.tokenizer_config, "");
  SKEP_ASSIGN(settings.lowercase, root["do_lower_case"].Bool(true));
  SKEP_ASSIGN(settings.strip_accents, root["strip_accents"].Bool(settings.lowercase));
  SKEP_ASSIGN(settings.handle_chinese, root["tokenize_chinese_chars"].Bool(true));
  SKEP_ASSIGN(settings.cls, root["cls_token"].String(settings.cls));
  SKEP_ASSIGN(settings.sep, root["sep_token"].String(settings.sep));
  settings.unk = config.tokens.unk_token.value_or(settings.unk);
  settings.added = config.added;
  for (const std::string& name :
       {settings.unk, settings.cls, settings.sep, std::string("[PAD]"), std::string("[MASK]")}) {
    // Of a piece that is there twice the last one counts, as in the original.
    const auto found = std::find(pieces.rbegin(), pieces.rend(), name);
    const bool listed = std::any_of(settings.added.begin(), settings.added.end(),
                                    [&](const AddedToken& token) { return token.content == name; });
    if (found == pieces.rend() || listed) continue;
    AddedToken token;
    token.id = static_cast<TokenId>(pieces.rend() - found - 1);
    token.content = name;
    token.special = true;
    settings.added.push_back(std::move(token));
  }
  return MakeWordPiecePipeline(pieces, settings, config.tokens);
}

}  // namespace skep::engine::tokenizer
