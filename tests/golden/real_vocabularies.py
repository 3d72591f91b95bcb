"""Real vocabularies as tokenizers of Hugging Face's library: out of GGUF files, with the components that
the models' own tokenizer.json have."""
from tokenizers import (
    AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors)

import gguf_metadata
import golden

FOLDER = golden.LLAMA_CPP / "models"
CACHED = {"smollm2": golden.CACHE / "models/SmolLM2-135M-Instruct.Q4_1.gguf",
          "gemma3": golden.CACHE / "models/gemma3-270m-q4_k_m.gguf"}

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CODER = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[一-龥ࠀ-一가-퟿]+"]


def path_of(name):
    return CACHED.get(name, FOLDER / f"ggml-vocab-{name}.gguf")


def read(name):
    """The vocabulary's fields: tokens, types, and merges, scores ... where there are any."""
    prefix = "tokenizer.ggml."
    return {key.removeprefix(prefix): value for key, value in gguf_metadata.read(path_of(name)).items()
            if key.startswith(prefix)}


def add_tokens(tokenizer, vocabulary, **options):
    """Control tokens become special ones, user-defined tokens ordinary added ones."""
    tokens, types = vocabulary["tokens"], vocabulary["token_type"]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)
                                  for token, kind in zip(tokens, types) if kind in (2, 3)])
    tokenizer.add_tokens([AddedToken(token.replace("▁", " ") if options.get("marks") else token, normalized=False)
                          for token, kind in zip(tokens, types) if kind == 4])


def begins_with(token, tokenizer):
    return processors.TemplateProcessing(
        single=f"{token} $A", special_tokens=[(token, tokenizer.token_to_id(token))])


def byte_level(name, steps, normalizer=None, ignore_merges=False, bos=None):
    vocabulary = read(name)
    vocab = {token: i for i, token in enumerate(vocabulary["tokens"])}
    pairs = []
    for merge in vocabulary["merges"]:
        at = merge.index(" ", 1)
        pair = (merge[:at], merge[at + 1:])
        if pair[0] in vocab and pair[1] in vocab and pair[0] + pair[1] in vocab:
            pairs.append(pair)
    tokenizer = Tokenizer(models.BPE(vocab, pairs, ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps) if len(steps) > 1 else steps[0]
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    add_tokens(tokenizer, vocabulary)
    if bos:
        tokenizer.post_processor = processors.Sequence(
            [processors.ByteLevel(trim_offsets=False), begins_with(bos, tokenizer)])
    return tokenizer, bos is not None


def split(*regexes):
    return [pre_tokenizers.Split(Regex(regex), "isolated") for regex in regexes]


LETTERS = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
DIGITS = pre_tokenizers.Digits(individual_digits=True)


def merges_by_score(tokens, scores):
    """As transformers makes merges of SentencePiece's scores."""
    ids = {token: i for i, token in enumerate(tokens)}
    merges = []
    for token, i in ids.items():
        splits = [(token[:at], token[at:]) for at in range(1, len(token))]
        splits = [(a, b) for a, b in splits if a in ids and b in ids]
        splits.sort(key=lambda pair: (ids[pair[0]], ids[pair[1]]))
        merges += [(scores[i], a, b) for a, b in splits]
    merges.sort(key=lambda merge: (merge[0], len(merge[1]), len(merge[2])), reverse=True)
    return [(a, b) for _, a, b in merges]


def sentencepiece_bpe(name, normalizer, pre_tokenizer, decoder_steps, bos):
    vocabulary = read(name)
    tokens = vocabulary["tokens"]
    text = [token if kind == 1 else None for token, kind in zip(tokens, vocabulary["token_type"])]
    if "merges" in vocabulary:
        pieces = set(tokens)
        merges = [(m[:m.index(" ", 1)], m[m.index(" ", 1) + 1:]) for m in vocabulary["merges"]]
        merges = [(a, b) for a, b in merges if a in pieces and b in pieces and a + b in pieces]
    else:
        scores = {i: score for i, score in enumerate(vocabulary["scores"])}
        known = [token for token in text if token is not None]
        merges = merges_by_score(known, [scores[i] for i, t in enumerate(text) if t is not None])
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges,
                                     unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *decoder_steps])
    add_tokens(tokenizer, vocabulary, marks=True)
    tokenizer.post_processor = begins_with(bos, tokenizer)
    return tokenizer, True


def llama(name):
    return sentencepiece_bpe(
        name, normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None,
        [decoders.Strip(" ", 1, 0)], "<s>")


def gemma(name):
    return sentencepiece_bpe(name, normalizers.Replace(" ", "▁"),
                             pre_tokenizers.Split(" ", "merged_with_previous"), [], "<bos>")


def bert():
    """GGUF writes words as ▁word and continuations without ##; the original the other way round."""
    vocabulary = read("bert-bge")
    tokens = [token if kind == 3 else token[1:] if token.startswith("▁") else "##" + token
              for token, kind in zip(vocabulary["tokens"], vocabulary["token_type"])]
    tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    vocabulary["tokens"] = tokens
    add_tokens(tokenizer, vocabulary)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))])
    return tokenizer, True


def xlm_roberta():
    vocabulary = read("nomic-bert-moe")
    tokens, scores = vocabulary["tokens"], vocabulary["scores"]
    tokenizer = Tokenizer(models.Unigram(list(zip(tokens, map(float, scores))), tokens.index("<unk>")))
    tokenizer.normalizer = normalizers.Precompiled(bytes(x % 256 for x in vocabulary["precompiled_charsmap"]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    add_tokens(tokenizer, vocabulary)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("<s>", "</s>")])
    return tokenizer, True


ALL = {
    "llama-bpe": lambda: byte_level("llama-bpe", [*split(LLAMA3), LETTERS], ignore_merges=True,
                                    bos="<|begin_of_text|>"),
    "qwen2": lambda: byte_level("qwen2", [*split(QWEN2), LETTERS], normalizers.NFC()),
    "qwen35": lambda: byte_level("qwen35", [*split(QWEN35), LETTERS], normalizers.NFC()),
    "gpt-2": lambda: byte_level("gpt-2", [GPT2]),
    "gpt-neox": lambda: byte_level("gpt-neox", [GPT2], normalizers.NFC()),
    "mpt": lambda: byte_level("mpt", [GPT2], normalizers.NFC()),
    "command-r": lambda: byte_level("command-r", [DIGITS, GPT2], normalizers.NFC(), bos="<BOS_TOKEN>"),
    "starcoder": lambda: byte_level("starcoder", [DIGITS, GPT2]),
    "refact": lambda: byte_level("refact", [DIGITS, GPT2]),
    "smollm2": lambda: byte_level("smollm2", [DIGITS, GPT2]),
    "aquila": lambda: byte_level("aquila", [GPT2]),
    "falcon": lambda: byte_level("falcon", [
        pre_tokenizers.Punctuation("contiguous"), GPT2, pre_tokenizers.Digits(individual_digits=False),
        *split("[0-9][0-9][0-9]")]),
    "deepseek-coder": lambda: byte_level("deepseek-coder", [*split(*CODER), DIGITS, LETTERS]),
    "deepseek-llm": lambda: byte_level("deepseek-llm", [*split(*CODER), DIGITS, LETTERS]),
    "llama-spm": lambda: llama("llama-spm"),
    "phi-3": lambda: llama("phi-3"),
    "baichuan": lambda: llama("baichuan"),
    "gemma3": lambda: gemma("gemma3"),
    "gemma-4": lambda: gemma("gemma-4"),
    "bert-bge": bert,
    "nomic-bert-moe": xlm_roberta,
}


def files():
    return [path_of(name) for name in ALL]
