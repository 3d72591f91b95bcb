"""Tokenizations by the reference libraries: Hugging Face's tokenizers and Google's sentencepiece.

Writes one folder a tokenizer, with the tokenizer's own file (unless it is a GGUF in the cache) and
cases.json: texts, ids and decoded texts; and patterns.json: how pre-tokenizer patterns cut texts.
"""
import io
import json
import os

import sentencepiece
from tokenizers import (
    AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
    trainers)

import gguf_metadata
import golden
from hard_texts import texts

VOCABULARIES = golden.LLAMA_CPP / "models"
SMOLLM2 = golden.CACHE / "models/SmolLM2-135M-Instruct.Q4_1.gguf"

CORPUS_FILES = [VOCABULARIES.parent / "README.md", VOCABULARIES.parent / "AGENTS.md",
                VOCABULARIES.parent / "src/unicode.cpp"]


def corpus():
    result = []
    for path in CORPUS_FILES:
        if path.exists():
            result += path.read_text(errors="ignore").splitlines(keepends=True)
    return result + texts()[:200]


# ---- Writing ----

def write_cases(folder, tokenizer, strings, add_special=False):
    """What the library answers; `plain` is with special tokens as ordinary text."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for text in strings:
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=add_special).ids
        tokenizer.encode_special_tokens = False
        parsed = tokenizer.encode(text, add_special_tokens=add_special).ids
        cases.append({"text": text, "ids": plain, "parsed": parsed,
                      "decoded": tokenizer.decode(parsed, skip_special_tokens=False),
                      "skipped": tokenizer.decode(parsed, skip_special_tokens=True)})
    (folder / "cases.json").write_text(json.dumps({"add_special": add_special, "cases": cases}))


# ---- GGUF vocabularies, rebuilt as the models' own tokenizer.json has them ----

def read_gguf(path):
    metadata = gguf_metadata.read(path)
    return [metadata[f"tokenizer.ggml.{key}"] for key in ("tokens", "merges", "token_type")]


SPACES_TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + SPACES_TAIL)
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
          + SPACES_TAIL)
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
PREFIX = r"[^\r\n\p{L}\p{N}]?"
TEKKEN = (f"{PREFIX}{UPPER}*{LOWER}+|{PREFIX}{UPPER}+{LOWER}*" + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*"
          + SPACES_TAIL)
GPT4O = (f"{PREFIX}{UPPER}*{LOWER}+{CONTRACTIONS}?|{PREFIX}{UPPER}+{LOWER}*{CONTRACTIONS}?"
         + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + SPACES_TAIL)
KIMI_UPPER = UPPER[:-1] + r"&&[^\p{Han}]]"
KIMI_LOWER = LOWER[:-1] + r"&&[^\p{Han}]]"
KIMI = (r"[\p{Han}]+|" + f"{PREFIX}{KIMI_UPPER}*{KIMI_LOWER}+{CONTRACTIONS}?|"
        + f"{PREFIX}{KIMI_UPPER}+{KIMI_LOWER}*{CONTRACTIONS}?"
        + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + SPACES_TAIL)
DEEPSEEK3 = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
             r"| ?[\p{P}\p{S}]+[\r\n]*" + SPACES_TAIL)
BAILING = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
           r"|\s+(?!\S)|\s+")

# GGUF's name of a pre-tokenizer -> the regular expressions of the original.
PATTERNS = {
    "llama-bpe": [LLAMA3], "qwen2": [QWEN2], "qwen35": [QWEN35], "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2], "tekken": [TEKKEN], "gpt-4o": [GPT4O], "kimi-k2": [KIMI],
    "deepseek-v3": [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[一-龥ࠀ-一가-퟿]+", r"\p{N}"],
    "bailingmoe": [BAILING], "minicpm5": [r"\p{N}{1,3}", LLAMA3.replace("{1,3}", "+")],
    "superbpe": [r"\p{N}+", r"(?=(\d{3})+(?!\d))"],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, r"[0-9][0-9][0-9]"],
    "viking": [r" ?[^(\s|.,!?…。，、।۔،)]+", r"\p{N}"],
    "tiny_aya": [r"\d{1,3}(?=(?:\d{3})*\b)", GPT4O],
}


def write_patterns(out):
    strings = texts()
    result = []
    for name, regexes in PATTERNS.items():
        splitter = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(regex), "isolated") for regex in regexes])
        result.append({"name": name,
                       "words": [[word for word, _ in splitter.pre_tokenize_str(text)]
                                 for text in strings]})
    (out / "patterns.json").write_text(json.dumps({"texts": strings, "patterns": result}))


def write_gguf(out, name, path, regexes, ignore_merges=False):
    tokens, merges, types = read_gguf(path)
    # Words that no text becomes (control, user-defined, unused) are no part of the model.
    vocab = {token: i for i, (token, kind) in enumerate(zip(tokens, types)) if kind == 1}
    pairs = [tuple(merge.split(" ", 1)) for merge in merges]
    pairs = [(a, b) for a, b in pairs if a in vocab and b in vocab and a + b in vocab]
    tokenizer = Tokenizer(models.BPE(vocab, pairs, ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(regex), "isolated") for regex in regexes]
        + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    user_defined = [token for token, kind in zip(tokens, types) if kind == 4]
    strings = [text for text in texts() if not any(token in text for token in user_defined)]
    write_cases(out / name, tokenizer, strings)
    (out / name / "path").write_text(os.path.relpath(path, golden.CACHE))


def write_smollm2(out):
    """As SmolLM2's own file has it: Digits, then ByteLevel with its own expression."""
    tokens, merges, types = read_gguf(SMOLLM2)
    vocab = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab, [tuple(m.split(" ", 1)) for m in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([t for t, kind in zip(tokens, types) if kind == 3])
    special = ["<|im_start|>user\nHi<|im_end|>\n", "a<|im_start|>b", " <|endoftext|> "]
    write_cases(out / "smollm2", tokenizer, texts() + special)
    (out / "smollm2" / "path").write_text(os.path.relpath(SMOLLM2, golden.CACHE))


# ---- tokenizer.json of every style, trained here ----

SPECIAL_TEXTS = ["<s>Hi", "a <s> b", "x</s>", "<unk>", " [INST] y [/INST] ", "a<mask>b", "a  <mask>  b",
                 "word", "sword", "a word b", "Ünï\u0301", "<s>", "<s></s>", "</s> x"]


def save(out, name, tokenizer, add_special):
    (out / name).mkdir(parents=True)
    tokenizer.save(str(out / name / "tokenizer.json"))
    write_cases(out / name, tokenizer, texts() + SPECIAL_TEXTS, add_special)


def byte_pieces():
    return [f"<0x{byte:02X}>" for byte in range(256)]


def llama_like(legacy, scheme="first"):
    """SentencePiece's BPE with byte fallback, as Llama 2 (legacy) and newer ones write it."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if legacy:
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        # Trained word by word, used without.
        tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=True)
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=3000, show_progress=False, limit_alphabet=300,
        special_tokens=["<unk>", "<s>", "</s>", *byte_pieces()]))
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    if legacy:
        data["pre_tokenizer"] = None
    elif scheme == "first":
        data["pre_tokenizer"]["split"] = False
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    tokenizer.add_tokens([AddedToken("[INST]", normalized=False), AddedToken("[/INST]", normalized=True)])
    return tokenizer


def byte_level(regex, ignore_merges, normalizer=None, prefix_space=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(regex), "isolated"),
         pre_tokenizers.ByteLevel(add_prefix_space=prefix_space, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=3000, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<s>", "</s>"]))
    tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=False),
         processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, special=True)])
    tokenizer.add_tokens([AddedToken("word", single_word=True, normalized=True)])
    return tokenizer


def gemma_like():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.train_from_iterator([line[:60] for line in corpus()], trainers.BpeTrainer(
        vocab_size=2000, show_progress=False, limit_alphabet=300, max_token_length=16,
        special_tokens=["<pad>", "</s>", "<s>", "<unk>", *byte_pieces()]))
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 2)])
    tokenizer.add_tokens([AddedToken("\n\n\n", normalized=False)])
    return tokenizer


def gpt2_like():
    """ByteLevel with its own expression and prefix space; unusual neighbours."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Strip(left=False, right=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=True),
         pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=2000, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["</s>"]))
    return tokenizer


def words_without_fallback():
    """No bytes at all: unknown characters become <unk>, each by itself."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Punctuation("merged_with_previous")])
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=1500, show_progress=False, limit_alphabet=80, special_tokens=["<unk>", "<s>"]))
    return tokenizer


def write_json_tokenizers(out):
    save(out, "json_llama_legacy", llama_like(legacy=True), add_special=True)
    save(out, "json_llama", llama_like(legacy=False), add_special=True)
    save(out, "json_metaspace_always", llama_like(legacy=False, scheme="always"), add_special=False)
    save(out, "json_llama3", byte_level(LLAMA3, ignore_merges=True), add_special=True)
    save(out, "json_tekken", byte_level(TEKKEN, ignore_merges=True), add_special=True)
    save(out, "json_qwen", byte_level(QWEN2, False, normalizers.NFC(), prefix_space=True), add_special=True)
    save(out, "json_gemma", gemma_like(), add_special=True)
    save(out, "json_gpt2", gpt2_like(), add_special=False)
    save(out, "json_unk", words_without_fallback(), add_special=False)


# ---- tokenizer.model ----

def write_sentencepiece(out, kind):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line.replace("\x00", "") for line in corpus()]), model_writer=model,
        model_type=kind, vocab_size=1500, byte_fallback=True, character_coverage=0.98,
        normalization_rule_name="identity", remove_extra_whitespaces=False, num_threads=1,
        user_defined_symbols=["[INST]"], minloglevel=2)
    folder = out / f"spm_{kind}"
    folder.mkdir(parents=True)
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    cases = []
    for text in texts() + ["[INST] a [/INST]"]:
        ids = processor.encode(text)
        decoded = processor.decode(ids)
        cases.append({"text": text, "ids": ids, "parsed": ids, "decoded": decoded, "skipped": decoded})
    (folder / "cases.json").write_text(json.dumps({"add_special": False, "cases": cases}))


def generate(out):
    write_patterns(out)
    write_smollm2(out)
    for name, ignore_merges in (("llama-bpe", True), ("qwen2", False), ("qwen35", False),
                                ("gpt-2", False), ("deepseek-coder", False)):
        write_gguf(out, f"gguf_{name}", VOCABULARIES / f"ggml-vocab-{name}.gguf", PATTERNS[name],
                   ignore_merges)
    write_json_tokenizers(out)
    write_sentencepiece(out, "bpe")
    write_sentencepiece(out, "unigram")


golden.main(generate, inputs=[gguf_metadata.__file__, golden.SOURCE / "tests/golden/hard_texts.py",
                               *(path for path in CORPUS_FILES if path.exists())],
            packages=["tokenizers", "sentencepiece"])
