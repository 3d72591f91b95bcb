#include "engine/tokenizer/tiktoken_known.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/types/span.h"
#include "engine/tokenizer/json_node.h"
#include "engine/tokenizer/pre_types.h"
#include "engine/tokenizer/text.h"

namespace skep::engine::tokenizer {
namespace {

using Names = absl::Span<const std::string_view>;

struct Special {
  std::string_view content;
  TokenId offset;  // from the number of pieces
};
// `count` tokens PREFIX0SUFFIX, PREFIX1SUFFIX ... that follow each other from `offset` on, numbered
// from `number`.
struct SpecialRow {
  std::string_view prefix, suffix;
  TokenId offset, count, number;
};

// Sources: the tokenization_*.py of the models on Hugging Face; tiktoken_ext/openai_public.py.
struct KnownTiktoken {
  Names file_names;  // without what follows the first dot
  Names classes;     // tokenizer_class
  Names model_types;
  std::string_view pre_type;  // of pre_types.h
  std::string_view pattern;   // or the regular expression itself
  bool nfc;
  absl::Span<const Special> special;  // where tokenizer_config.json does not list them
  absl::Span<const SpecialRow> rows;
  std::string_view bos, eos, pad;
  Names prefix;
};

constexpr std::string_view kQwenFiles[] = {"qwen"};
constexpr std::string_view kQwenClasses[] = {"QWenTokenizer"};
constexpr std::string_view kQwenTypes[] = {"qwen"};
constexpr Special kQwenSpecial[] = {{"<|endoftext|>", 0}, {"<|im_start|>", 1}, {"<|im_end|>", 2}};
constexpr SpecialRow kQwenRows[] = {{"<|extra_", "|>", 3, 205, 0}};

constexpr std::string_view kKimiClasses[] = {"TikTokenTokenizer", "TikTokenV3"};
constexpr std::string_view kKimiTypes[] = {"kimi_k2", "kimi_linear", "kimi_vl", "kimi_k25"};
constexpr SpecialRow kKimiRows[] = {{"<|reserved_token_", "|>", 0, 256, -1}};

constexpr std::string_view kGlmClasses[] = {"ChatGLM4Tokenizer"};
constexpr std::string_view kGlmTypes[] = {"chatglm", "glm4"};
constexpr std::string_view kGlmPrefix[] = {"[gMASK]", "<sop>"};

constexpr std::string_view kLlamaClasses[] = {"PreTrainedTokenizerFast"};
constexpr std::string_view kLlamaTypes[] = {"llama"};
constexpr TokenId kLlamaPieces = 128000;  // its original folder has no file that says what it is
constexpr Special kLlamaSpecial[] = {{"<|begin_of_text|>", 0},
                                     {"<|end_of_text|>", 1},
                                     {"<|reserved_special_token_0|>", 2},
                                     {"<|reserved_special_token_1|>", 3},
                                     {"<|finetune_right_pad_id|>", 4},
                                     {"<|reserved_special_token_2|>", 5},
                                     {"<|start_header_id|>", 6},
                                     {"<|end_header_id|>", 7},
                                     {"<|eom_id|>", 8},
                                     {"<|eot_id|>", 9},
                                     {"<|python_tag|>", 10}};
constexpr SpecialRow kLlamaRows[] = {{"<|reserved_special_token_", "|>", 11, 245, 3}};
constexpr std::string_view kLlamaPrefix[] = {"<|begin_of_text|>"};

constexpr std::string_view kHunyuanFiles[] = {"hy"};
constexpr std::string_view kHunyuanClasses[] = {"HYTokenizer"};
constexpr Special kHunyuanSpecial[] = {
    {"<|endoftext|>", 0}, {"<|startoftext|>", 1}, {"<|bos|>", 2}, {"<|eos|>", 3}, {"<|pad|>", 4}};
constexpr SpecialRow kHunyuanRows[] = {{"<|extra_", "|>", 5, 205, 0}};

constexpr std::string_view kO200kFiles[] = {"o200k_base", "o200k_harmony"};
constexpr std::string_view kO200kTypes[] = {"gpt_oss"};
constexpr Special kO200kSpecial[] = {
    {"<|startoftext|>", 0}, {"<|endoftext|>", 1},   {"<|return|>", 4}, {"<|constrain|>", 5},
    {"<|channel|>", 7},     {"<|start|>", 8},       {"<|end|>", 9},    {"<|message|>", 10},
    {"<|call|>", 14},       {"<|endofprompt|>", 20}};
constexpr SpecialRow kO200kRows[] = {{"<|reserved_", "|>", 2, 1088, 200000}};

constexpr std::string_view kCl100kFiles[] = {"cl100k_base"};
constexpr std::string_view kCl100kTypes[] = {"phi3small", "dbrx"};
// The library's own expression, with what it writes possessively written plainly: the same matches.
constexpr std::string_view kCl100kPattern =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s+\z|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr Special kCl100kSpecial[] = {{"<|endoftext|>", 1},
                                      {"<|fim_prefix|>", 2},
                                      {"<|fim_middle|>", 3},
                                      {"<|fim_suffix|>", 4},
                                      {"<|endofprompt|>", 20}};

constexpr std::string_view kR50kFiles[] = {"r50k_base"};
constexpr Special kR50kSpecial[] = {{"<|endoftext|>", 0}};

// Its pieces leave 50256 free and go on behind it.
constexpr std::string_view kP50kFiles[] = {"p50k_base"};
constexpr Special kP50kSpecial[] = {{"<|endoftext|>", -25}};

const KnownTiktoken kKnown[] = {
    {kQwenFiles,
     kQwenClasses,
     kQwenTypes,
     "qwen2",
     "",
     /*nfc=*/true,
     kQwenSpecial,
     kQwenRows,
     "",
     "<|endoftext|>",
     "<|endoftext|>",
     {}},
    {{},
     kKimiClasses,
     kKimiTypes,
     "kimi-k2",
     "",
     false,
     {},
     kKimiRows,
     "[BOS]",
     "[EOS]",
     "[PAD]",
     {}},
    {{},
     kGlmClasses,
     kGlmTypes,
     "chatglm-bpe",
     "",
     false,
     {},
     {},
     "",
     "<|endoftext|>",
     "<|endoftext|>",
     kGlmPrefix},
    {kHunyuanFiles,
     kHunyuanClasses,
     {},
     "hunyuan-dense",
     "",
     false,
     kHunyuanSpecial,
     kHunyuanRows,
     "",
     "<|eos|>",
     "<|pad|>",
     {}},
    {kO200kFiles,
     {},
     kO200kTypes,
     "gpt-4o",
     "",
     false,
     kO200kSpecial,
     kO200kRows,
     "<|startoftext|>",
     "<|return|>",
     "<|endoftext|>",
     {}},
    {kCl100kFiles,
     {},
     kCl100kTypes,
     "",
     kCl100kPattern,
     false,
     kCl100kSpecial,
     {},
     "",
     "<|endoftext|>",
     "",
     {}},
    {kR50kFiles, {}, {}, "gpt-2", "", false, kR50kSpecial, {}, "", "<|endoftext|>", "", {}},
    {kP50kFiles, {}, {}, "gpt-2", "", false, kP50kSpecial, {}, "", "<|endoftext|>", "", {}},
    {{},
     kLlamaClasses,
     kLlamaTypes,
     "llama-bpe",
     "",
     false,
     kLlamaSpecial,
     kLlamaRows,
     "<|begin_of_text|>",
     "<|end_of_text|>",
     "",
     kLlamaPrefix},
};

bool Contains(Names names, std::string_view name) {
  return !name.empty() && std::find(names.begin(), names.end(), name) != names.end();
}

const KnownTiktoken* Find(std::string_view stem, const FolderConfig& config, TokenId pieces) {
  for (const KnownTiktoken& known : kKnown) {
    if (Contains(known.classes, config.tokenizer_class)) return &known;
  }
  for (const KnownTiktoken& known : kKnown) {
    if (Contains(known.file_names, stem)) return &known;
  }
  for (const KnownTiktoken& known : kKnown) {
    if (Contains(known.model_types, config.model_type)) return &known;
  }
  return pieces == kLlamaPieces ? std::end(kKnown) - 1 : nullptr;
}

// The tokens of the table, then those of tokenizer_config.json, which win.
std::vector<AddedToken> CollectSpecial(const KnownTiktoken* known, TokenId pieces,
                                       const FolderConfig& config) {
  std::map<TokenId, AddedToken> tokens;
  const auto add = [&](TokenId id, std::string content) {
    AddedToken token;
    token.id = id;
    token.content = std::move(content);
    token.special = true;
    tokens.insert_or_assign(id, std::move(token));
  };
  if (known != nullptr) {
    for (const SpecialRow& row : known->rows) {
      for (TokenId i = 0; i < row.count; ++i) {
        const TokenId id = pieces + row.offset + i;
        add(id, Concat(row.prefix, row.number < 0 ? id : row.number + i, row.suffix));
      }
    }
    for (const Special& special : known->special) {
      if (pieces + special.offset >= 0) {
        add(pieces + special.offset, std::string(special.content));
      }
    }
  }
  for (const AddedToken& token : config.added) tokens.insert_or_assign(token.id, token);
  std::vector<AddedToken> result;
  for (auto& [id, token] : tokens) result.push_back(std::move(token));
  return result;
}

}  // namespace

absl::Status CompleteKnownTiktoken(std::string_view file_name, const FolderConfig& config,
                                   RankedVocabulary& vocabulary) {
  TokenId pieces = 0;
  for (const auto& [bytes, id] : vocabulary.pieces) {
    if (id >= INT32_MAX / 2) {
      return absl::InvalidArgumentError(Concat(file_name, ": rank ", id, " is out of range"));
    }
    pieces = std::max(pieces, id + 1);
  }
  const std::string_view stem = file_name.substr(0, file_name.find('.'));
  const KnownTiktoken* known = Find(stem, config, pieces);
  const JsonNode root(config.tokenizer_config, "");
  const JsonNode written = root["pat_str"].is_string() ? root["pat_str"] : root["pattern"];
  if (written.is_string()) {
    vocabulary.regexes.push_back(*written.String());
  } else if (known == nullptr) {
    return absl::UnimplementedError(Concat(
        file_name, ": how this tokenizer cuts text is not known (tokenizer_class '",
        config.tokenizer_class, "', model_type '", config.model_type,
        "'); a tokenizer.json beside it, or \"pat_str\" in tokenizer_config.json would say"));
  } else if (!known->pattern.empty()) {
    vocabulary.regexes.emplace_back(known->pattern);
  } else {
    for (std::string_view regex : FindPreType(known->pre_type)->regexes) {
      vocabulary.regexes.emplace_back(regex);
    }
  }
  vocabulary.added = CollectSpecial(known, pieces, config);
  const auto choose = [](const std::optional<std::string>& named, std::string_view by_default) {
    return named.value_or(std::string(by_default));
  };
  const KnownTiktoken none{};
  const KnownTiktoken& defaults = known == nullptr ? none : *known;
  vocabulary.nfc = defaults.nfc;
  vocabulary.bos = choose(config.tokens.bos_token, defaults.bos);
  vocabulary.eos = choose(config.tokens.eos_token, defaults.eos);
  vocabulary.pad = choose(config.tokens.pad_token, defaults.pad);
  vocabulary.unk = choose(config.tokens.unk_token, "");
  vocabulary.prefix.assign(defaults.prefix.begin(), defaults.prefix.end());
  if (config.tokens.add_bos_token) {
    vocabulary.prefix.clear();
    if (*config.tokens.add_bos_token) vocabulary.prefix.push_back(vocabulary.bos);
  }
  return absl::OkStatus();
}

}  // namespace skep::engine::tokenizer
