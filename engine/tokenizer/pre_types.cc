// The regular expressions are those of the models' own tokenizer.json files. Where llama.cpp, which
// invented the names, had to approximate them (letter case, marks, sets), they are as the models
// have them.
#include "engine/tokenizer/pre_types.h"

#include <algorithm>

namespace skep::engine::tokenizer {
namespace {

using Names = std::string_view;
using Regexes = std::string_view;

// Parts that many of them share. Macros, because literals join at compile time.
#define SKEP_CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SKEP_SPACES R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"
#define SKEP_LETTERS R"(|[^\r\n\p{L}\p{N}]?\p{L}+)"
#define SKEP_OTHERS R"(| ?[^\s\p{L}\p{N}]+[\r\n]*)"
#define SKEP_OTHERS_SLASH R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*)"
#define SKEP_CAPITALIZED \
  R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
#define SKEP_UPPERCASE \
  R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
#define SKEP_GPT2 R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"
#define SKEP_GPT4O                                                        \
  SKEP_CAPITALIZED SKEP_CONTRACTIONS "?" SKEP_UPPERCASE SKEP_CONTRACTIONS \
                                     "?"                                  \
                                     R"(|\p{N}{1,3})" SKEP_OTHERS_SLASH SKEP_SPACES
#define SKEP_DEEPSEEK3                                                                      \
  R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)" \
  R"(| ?[\p{P}\p{S}]+[\r\n]*)" SKEP_SPACES

constexpr Names kLlama3Names[] = {"llama-bpe", "llama3",   "llama-v3", "falcon3",     "falcon-h1",
                                  "pixtral",   "midm-2.0", "lfm2",     "jina-v5-nano"};
constexpr Names kGlm4Names[] = {"glm4", "glm5"};
constexpr Names kChatglmNames[] = {"chatglm-bpe"};
constexpr Names kLlama3RegexNames[] = {"dbrx", "smaug-bpe"};
constexpr Regexes kLlama3[] = {SKEP_CONTRACTIONS SKEP_LETTERS
                               R"(|\p{N}{1,3})" SKEP_OTHERS SKEP_SPACES};

constexpr Names kMinicpm5Names[] = {"minicpm5"};
constexpr Regexes kMinicpm5[] = {
    R"(\p{N}{1,3})", SKEP_CONTRACTIONS SKEP_LETTERS R"(|\p{N}+)" SKEP_OTHERS SKEP_SPACES};

constexpr Names kQwen2Names[] = {"qwen2", "deepseek-r1-qwen", "megrez",     "stablelm2", "hunyuan",
                                 "kormo", "f2llmv2",          "solar-open", "grok-2"};
constexpr Regexes kQwen2[] = {SKEP_CONTRACTIONS SKEP_LETTERS R"(|\p{N})" SKEP_OTHERS SKEP_SPACES};

// No contractions, so that Turkish suffixes stay with their apostrophes.
constexpr Names kUfakzekaNames[] = {"ufakzeka"};
constexpr Regexes kUfakzeka[] = {R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N})" SKEP_OTHERS SKEP_SPACES};

constexpr Names kJais2Names[] = {"jais-2"};
constexpr Regexes kJais2[] = {
    SKEP_CONTRACTIONS SKEP_LETTERS
    R"(|\p{N}{1,3})" SKEP_OTHERS
    R"(|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S))"
    R"(|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})"};

constexpr Names kExaoneMoeNames[] = {"exaone-moe"};
constexpr Regexes kExaoneMoe[] = {SKEP_CONTRACTIONS
                                  R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N})"
                                  R"(| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)"};

constexpr Names kQwen35Names[] = {"qwen35"};
constexpr Regexes kQwen35[] = {SKEP_CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N})"
                                                 R"(| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)" SKEP_SPACES};

constexpr Names kSeedCoderNames[] = {"seed-coder"};
constexpr Regexes kSeedCoder[] = {SKEP_CONTRACTIONS SKEP_LETTERS
                                  R"(|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+)" SKEP_SPACES};

constexpr Names kBailingNames[] = {"bailingmoe", "bailingmoe2", "llada-moe"};
constexpr Regexes kBailing[] = {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N})"
                                R"(| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"};

constexpr Names kDeepseekLlmNames[] = {"deepseek-llm"};
constexpr Regexes kDeepseekLlm[] = {
    R"([\r\n])",
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫ)"
    R"(ᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭ)"
    R"(ℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟)"
    R"(𞤀-𞥃]+)",
    R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)",
    R"(\s+$)",
    R"([一-龥ࠀ-一가-퟿]+)",
    R"(\p{N}+)"};

constexpr Names kDeepseek3Names[] = {"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"};
constexpr Regexes kDeepseek3[] = {R"(\p{N}{1,3})", R"([一-龥぀-ゟ゠-ヿ]+)", SKEP_DEEPSEEK3};

constexpr Names kSpark25Names[] = {"spark2_5"};
constexpr Regexes kSpark25[] = {
    R"(\p{N}{1,3})", R"([一-龥぀-ゟ゠-ヿ]+)",
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)",
    R"(\p{N})"};

// Numbers fall into groups of three from their end; the blocks are those of CJK and of the scripts
// of South-East Asia.
constexpr Names kAfmoeNames[] = {"afmoe"};
constexpr Regexes kAfmoe[] = {
    R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))",
    "[\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf"
    "\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af"
    "\u1100-\u11ff]+",
    SKEP_DEEPSEEK3};

constexpr Names kDeepseekCoderNames[] = {"deepseek-coder"};
constexpr Regexes kDeepseekCoder[] = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)",
                                      R"([一-龥ࠀ-一가-퟿]+)", R"(\p{N})"};

constexpr Names kYoutuNames[] = {"youtu"};
constexpr Regexes kYoutu[] = {
    R"([가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+)",
    SKEP_CAPITALIZED SKEP_CONTRACTIONS "?" SKEP_UPPERCASE SKEP_CONTRACTIONS
                                       "?"
                                       R"(|\p{N})" SKEP_OTHERS_SLASH SKEP_SPACES};

constexpr Names kFalconNames[] = {"falcon"};
constexpr Regexes kFalcon[] = {R"([\p{P}\$\+<=>\^~\|`]+)", SKEP_GPT2, R"([0-9][0-9][0-9])"};

constexpr Names kStarcoderNames[] = {"starcoder", "refact", "smollm",     "command-r",
                                     "codeshell", "exaone", "minerva-7b", "mellum2"};
constexpr Regexes kStarcoder[] = {R"(\p{N})", SKEP_GPT2};

constexpr Names kGpt2Names[] = {
    "gpt-2",      "phi-2",      "modern-bert", "jina-es",        "jina-de",
    "jina-v2-es", "jina-v2-de", "jina-v1-en",  "roberta-bpe",    "gigachat",
    "mellum",     "exaone4",    "a.x-4.0",     "jina-v2-code",   "mpt",
    "olmo",       "jais",       "trillion",    "granite-docling"};
constexpr Regexes kGpt2[] = {SKEP_GPT2};

// What llama.cpp calls chameleon: Meta's file splits its image tokens off, too.
constexpr Names kChameleonNames[] = {"chameleon"};
constexpr Regexes kChameleon[] = {R"(<sentinel:[0-9]+>)",    R"(IMGIMG[A-I]{1,4}Z)",
                                  R"([\t\n]|    |  )",       R"(\p{N})",
                                  R"([\p{P}!-/:-@\[-`{-~])", SKEP_GPT2};

// Byte-pair encoding over characters, with nothing cut before it.
constexpr Names kGemma4Names[] = {"gemma4", "granite-embed-multi-311m"};
constexpr Names kSarvamNames[] = {"sarvam-moe"};

constexpr Names kBloomNames[] = {"poro-chat", "bloom", "gpt3-finnish"};
constexpr Regexes kBloom[] = {R"( ?[^(\s|.,!?…。，、।۔،)]+)"};
constexpr Names kVikingNames[] = {"viking"};
constexpr Regexes kViking[] = {R"( ?[^(\s|.,!?…。，、।۔،)]+)", R"(\p{N})"};

constexpr Names kTekkenNames[] = {"tekken"};
constexpr Regexes kTekken[] = {SKEP_CAPITALIZED SKEP_UPPERCASE
                               R"(|\p{N})" SKEP_OTHERS_SLASH SKEP_SPACES};

constexpr Names kGpt4oNames[] = {"gpt-4o", "llama4", "kanana2", "minimax-m2", "talkie"};
constexpr Names kGraniteMultiNames[] = {"granite-embed-multi-97m"};
constexpr Regexes kGpt4o[] = {SKEP_GPT4O};

constexpr Names kTinyAyaNames[] = {"tiny_aya", "cohere2moe"};
constexpr Regexes kTinyAya[] = {R"(\d{1,3}(?=(?:\d{3})*\b))", SKEP_GPT4O};

#define SKEP_NO_HAN(set) "[" set R"(&&[^\p{Han}]])"
#define SKEP_UPPER R"(\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M})"
#define SKEP_LOWER R"(\p{Ll}\p{Lm}\p{Lo}\p{M})"
constexpr Names kKimiNames[] = {"kimi-k2"};
constexpr Regexes kKimi[] = {
    R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?)" SKEP_NO_HAN(SKEP_UPPER) "*" SKEP_NO_HAN(
        SKEP_LOWER) "+" SKEP_CONTRACTIONS
                    R"(?|[^\r\n\p{L}\p{N}]?)" SKEP_NO_HAN(SKEP_UPPER) "+" SKEP_NO_HAN(
                        SKEP_LOWER) "*" SKEP_CONTRACTIONS
                                    R"(?|\p{N}{1,3})" SKEP_OTHERS SKEP_SPACES};

constexpr Names kSuperBpeNames[] = {"superbpe"};
constexpr Regexes kSuperBpe[] = {R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"};

constexpr Names kLagunaNames[] = {"laguna"};
constexpr Regexes kLaguna[] = {R"([^\n]+|[\n]+)", kQwen2[0]};

constexpr Names kDefaultNames[] = {"default", ""};
constexpr Regexes kDefault[] = {R"([\p{P}\$\+<=>\^~\|]+)", SKEP_GPT2, R"(\p{N}+)",
                                R"([0-9][0-9][0-9])"};

const PreType kPreTypes[] = {
    {kLlama3Names, kLlama3, /*ignore_merges=*/true, /*add_bos=*/true},
    {kGlm4Names, kLlama3, /*ignore_merges=*/true, /*add_bos=*/false, /*no_bos=*/true},
    {kChatglmNames, kLlama3, /*ignore_merges=*/false, /*add_bos=*/false, /*no_bos=*/true},
    {kChameleonNames, kChameleon, /*ignore_merges=*/false, /*add_bos=*/true},
    {kJais2Names, kJais2},
    {kExaoneMoeNames, kExaoneMoe},
    {kUfakzekaNames, kUfakzeka},
    {kSpark25Names, kSpark25},
    {kAfmoeNames, kAfmoe},
    {kGemma4Names,
     {},
     /*ignore_merges=*/false,
     /*add_bos=*/true,
     /*no_bos=*/false,
     /*always_bos=*/true,
     /*characters=*/true},
    {kSarvamNames,
     {},
     /*ignore_merges=*/false,
     /*add_bos=*/false,
     /*no_bos=*/false,
     /*always_bos=*/false,
     /*characters=*/true},
    {kLlama3RegexNames, kLlama3},
    {kMinicpm5Names, kMinicpm5, /*ignore_merges=*/true},
    {kQwen2Names, kQwen2},
    {kQwen35Names, kQwen35},
    {kSeedCoderNames, kSeedCoder},
    {kBailingNames, kBailing},
    {kDeepseekLlmNames, kDeepseekLlm},
    {kDeepseek3Names, kDeepseek3},
    {kDeepseekCoderNames, kDeepseekCoder},
    {kYoutuNames, kYoutu, /*ignore_merges=*/true},
    {kFalconNames, kFalcon},
    {kStarcoderNames, kStarcoder},
    {kGpt2Names, kGpt2},
    {kBloomNames, kBloom},
    {kVikingNames, kViking},
    {kTekkenNames, kTekken, /*ignore_merges=*/true, /*add_bos=*/true},
    {kGpt4oNames, kGpt4o},
    {kGraniteMultiNames, kGpt4o, /*ignore_merges=*/true},
    {kTinyAyaNames, kTinyAya},
    {kKimiNames, kKimi},
    {kSuperBpeNames, kSuperBpe},
    {kLagunaNames, kLaguna},
    {kDefaultNames, kDefault},
};

}  // namespace

const PreType* FindPreType(std::string_view name) {
  for (const PreType& type : kPreTypes) {
    if (std::find(type.names.begin(), type.names.end(), name) != type.names.end()) return &type;
  }
  return nullptr;
}

}  // namespace skep::engine::tokenizer
