"""Writes the seeds of the fuzz targets, corpus/TARGET/NAME. Small vocabularies are trained on the
tests' book, where ties fall as they may: those change a little each time. All else is written here.

    make_corpus.py            inputs that found bugs, regression_*, stay as they are
"""
import base64
import io
import json
import pathlib
import struct
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
BOOK = (HERE.parent / "data/alice.txt").read_text()[2000:42000].split("\n")
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# ---- GGUF ----

U32, I32, F32, BOOL, STRING, ARRAY, U64, F64 = 4, 5, 6, 7, 8, 9, 10, 12
FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", 11: "q", F64: "d"}


def gguf_string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def gguf_value(kind, value):
    if kind == STRING:
        return gguf_string(value)
    if kind == ARRAY:
        of, values = value
        return struct.pack("<IQ", of, len(values)) + b"".join(gguf_value(of, v) for v in values)
    return struct.pack("<" + FORMATS[kind], value)


def gguf(values, tensors=(), alignment=32):
    """`values`: key -> (kind, value); `tensors`: (name, dimensions, type, bytes)."""
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    for key, (kind, value) in values.items():
        out += gguf_string(key) + struct.pack("<I", kind) + gguf_value(kind, value)
    data = b""
    for name, dimensions, kind, size in tensors:
        data += b"\0" * (-len(data) % alignment)
        out += gguf_string(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, len(data))
        data += bytes(i * 37 % 256 for i in range(size))
    return out + b"\0" * (-len(out) % alignment) + data if tensors else out


def write_gguf():
    llama = {
        "general.architecture": (STRING, "llama"), "llama.embedding_length": (U32, 64),
        "llama.block_count": (U32, 2), "llama.attention.head_count": (U32, 4),
        "llama.attention.head_count_kv": (ARRAY, (U32, [2, 4])), "llama.context_length": (U32, 2048),
        "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5), "llama.rope.freq_base": (F32, 1e4),
        "llama.rope.dimension_count": (U32, 16), "llama.rope.scaling.type": (STRING, "yarn"),
        "llama.rope.scaling.factor": (F32, 4), "llama.rope.scaling.original_context_length": (U32, 512),
        "tokenizer.ggml.eos_token_id": (U32, 2), "tokenizer.ggml.tokens": (ARRAY, (STRING, ["a", "", "b"])),
        "general.sampling.temp": (F32, 0.5)}
    write("gguf", "config.gguf", gguf(llama))
    gemma = {"general.architecture": (STRING, "gemma3"), "gemma3.attention.sliding_window": (U32, 512),
             "gemma3.attention.sliding_window_pattern": (ARRAY, (BOOL, [True, False] * 6)),
             "gemma3.rope.freq_base": (F64, 1e6), "general.alignment": (U32, 8)}
    write("gguf", "gemma3.gguf", gguf(gemma, [("a", [32], 0, 128)], alignment=8))
    kinds = {f"kind{i}": (kind, 1 if kind != BOOL else True) for i, kind in enumerate(FORMATS)}
    kinds |= {f"array{i}": (ARRAY, (kind, [1, 0])) for i, kind in enumerate(FORMATS)}
    kinds["nested"] = (ARRAY, (ARRAY, [(STRING, ["x", ""]), (ARRAY, [(U32, [7])])]))
    write("gguf", "values.gguf", gguf(kinds))
    # type: elements and bytes of a block
    blocks = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 12: (256, 144), 14: (256, 210), 20: (32, 18),
              30: (1, 2), 39: (32, 17)}
    tensors = [(f"t{kind}", [elements, 2], kind, 2 * size) for kind, (elements, size) in blocks.items()]
    write("gguf", "tensors.gguf", gguf({"general.architecture": (STRING, "llama")}, tensors))
    write("gguf", "split.gguf", gguf({"split.no": (2, 0), "split.count": (2, 3), "split.tensors.count": (I32, 1)},
                                     [("output.weight", [2, 3, 1, 1], 0, 24)]))


# ---- SafeTensors, config.json ----

def safetensors(header, data=b""):
    text = dump(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write_safetensors():
    def tensor(kind, shape, begin, end):
        return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    write("safetensors", "empty.safetensors", safetensors({}))
    write("safetensors", "three.safetensors", safetensors(
        {"__metadata__": {"format": "pt"}, "a": tensor("F32", [2, 3], 0, 24), "b": tensor("F8_E4M3", [5], 24, 29),
         "c": tensor("BF16", [], 29, 31), "d": tensor("I64", [0, 4], 31, 31)}, bytes(range(31))))
    sizes = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E5M2": 1, "I8": 1, "I16": 2, "I32": 4, "U8": 1, "BOOL": 1}
    header, at = {}, 0
    for kind, size in sizes.items():
        header[kind] = tensor(kind, [1, 2], at, at + 2 * size)
        at += 2 * size
    write("safetensors", "types.safetensors", safetensors(header, b"\x3f" * at))


def write_configs():
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192}
    write("config_json", "llama.json", dump(
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "num_attention_heads": 4,
         "rms_norm_eps": 1e-5, "eos_token_id": [1, 2], "max_position_embeddings": 2048, "rope_scaling": rope,
         "rope_theta": 500000.0, "vocab_size": 1e5, "hidden_act": "silu"}))
    write("config_json", "gemma3.json", dump(
        {"architectures": ["Gemma3ForConditionalGeneration"], "eos_token_id": 1, "text_config": {
            "model_type": "gemma3_text", "layer_types": ["sliding_attention"] * 11 + ["full_attention"],
            "rope_local_base_freq": 10000, "sliding_window": 512, "head_dim": None,
            "rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
                                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}}}}))
    write("config_json", "longrope.json", dump(
        {"model_type": "phi3", "rope_scaling": {"type": "longrope", "short_factor": [1, 1.5], "long_factor": [2, 3.5]},
         "original_max_position_embeddings": 4096, "max_position_embeddings": 131072, "sliding_window_pattern": 6,
         "partial_rotary_factor": 0.75}))
    write("config_json", "yarn.json", dump(
        {"rope_scaling": {"rope_type": "yarn", "factor": 40, "mscale": 1.0, "mscale_all_dim": 0.7, "beta_fast": 32,
                          "beta_slow": 1, "truncate": False, "original_max_position_embeddings": 4096}}))
    write("config_json", "generation.json", dump({"temperature": 0.6, "top_k": 50, "eos_token_id": [2, 7, 2]}))


# ---- tokenizer.json ----

def write_outputs():
    call = '{"name": "f", "arguments": {"s": "a}b\\u00e9", "n": [1, {"x": null}]}}'
    for name, calls, reasoning, text in [
        ("hermes", "hermes", "think", f"<think>hm</think>\n\nYes.\n<tool_call>\n{call}\n</tool_call>"),
        ("two", "hermes", "none", f"<tool_call>{call}</tool_call><tool_call>{call}</tool_call> done"),
        ("coder", "qwen3-coder", "none", "<tool_call>\n<function=f>\n<parameter=s>\na < b\n</parameter>\n"
                                         "</function>\n</tool_call>"),
        ("llama", "llama-3", "none", '{"name": "f", "parameters": {"s": "x"}}'),
        ("pythonic", "pythonic", "none", "[f(s='it\\'s', n=[1, -2.5e3], t=True), f()]"),
        ("mistral", "mistral", "none", f"[TOOL_CALLS][{call}]"),
        ("mistral_new", "mistral", "none", '[TOOL_CALLS]f[ARGS]{"s": "x"}'),
        ("deepseek", "deepseek-v3", "think", "x</think>y<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function"
                                             "<｜tool▁sep｜>f\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
        ("harmony", "harmony", "harmony", "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>"
                                          'commentary to=functions.f<|message|>{"s": 1}<|call|>'),
        ("glm", "glm", "none", "<tool_call>f\n<arg_key>s</arg_key>\n<arg_value>x</arg_value>\n</tool_call>"),
        ("kimi", "kimi-k2", "none", "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0"
                                    '<|tool_call_argument_begin|>{"s": 1}<|tool_call_end|><|tool_calls_section_end|>'),
        ("minimax", "minimax-m2", "none", '<minimax:tool_call>\n<invoke name="f">\n<parameter name="s">x'
                                          "</parameter>\n</invoke>\n</minimax:tool_call>"),
        ("cut", "hermes", "think", "<think>never ends <tool_call>{"),
    ]:
        write("output_format", name, f"{calls}\n{reasoning}\n{text}".encode())


def save(name, tokenizer):
    write("tokenizer_json", name, tokenizer.to_str(pretty=False))


def train(tokenizer, trainer):
    tokenizer.train_from_iterator(BOOK, trainer)
    return tokenizer


def byte_level(pattern=None):
    tokenizer = Tokenizer(models.BPE(ignore_merges=pattern is not None))
    parts = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)]
    if pattern:
        parts.insert(0, pre_tokenizers.Split(Regex(pattern), "isolated"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts) if pattern else parts[0]
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, trainers.BpeTrainer(vocab_size=340, show_progress=False,
                                         special_tokens=["<|begin|>", "<|im_end|>"],
                                         initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if pattern:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|begin|> $A", pair="<|begin|> $A $B", special_tokens=[("<|begin|>", 0)])
    return tokenizer


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def byte_fallback():
    pieces = ["<unk>", "<s>", "</s>", *BYTES, *"\u2581abeht\u00e9", "\u2581t", "he", "\u2581the"]
    merges = [("\u2581", "t"), ("h", "e"), ("\u2581t", "he")]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges, unk_token="<unk>",
                                     fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B",
                                                             special_tokens=[("<s>", 1)])
    return tokenizer


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return train(tokenizer, trainers.UnigramTrainer(vocab_size=120, show_progress=False, unk_token="<unk>",
                                                    special_tokens=["<unk>", "<pad>", "</s>"]))


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    train(tokenizer, trainers.WordPieceTrainer(vocab_size=150, show_progress=False,
                                               special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def word_level():
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(),
                                                 normalizers.Strip(), normalizers.Nmt()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True),
                                                       pre_tokenizers.Punctuation("contiguous")])
    return train(tokenizer, trainers.WordLevelTrainer(vocab_size=80, show_progress=False, special_tokens=["<unk>"]))


def clip():
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                                 normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"'s|'t|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", True)
    tokenizer.decoder = decoders.BPEDecoder()
    return train(tokenizer, trainers.BpeTrainer(vocab_size=120, show_progress=False, end_of_word_suffix="</w>",
                                                special_tokens=["<|startoftext|>", "<|endoftext|>"]))


def tiny(**parts):
    """A tokenizer.json of a few pieces, with these components."""
    model = {"type": "BPE", "unk_token": "u", "vocab": {"a": 0, "b": 1, "ab": 2, "_": 3, "u": 4, "\u2581": 5, "1": 6},
             "merges": [["a", "b"]]}
    return {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None,
            "decoder": None, "model": model} | parts


def added(i, content, **fields):
    return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": True} | fields


def charsmap():
    """One that SentencePiece makes of two rules."""
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w") as rules:
        rules.write("41\t61\n66 69\tFB01\n")  # A to a, "fi" to its ligature
        rules.flush()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(BOOK), model_writer=model, vocab_size=70,
                                                 normalization_rule_tsv=rules.name, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto.normalizer_spec.precompiled_charsmap


def write_tokenizers(map_bytes):
    save("byte_level.json", byte_level())
    save("llama3.json", byte_level(LLAMA3))
    save("byte_fallback.json", byte_fallback())
    save("unigram.json", unigram())
    save("word_piece.json", word_piece())
    save("word_level.json", word_level())
    save("clip.json", clip())
    one = {
        "added": tiny(added_tokens=[added(7, "<s>", lstrip=True), added(8, " ", special=False, rstrip=True),
                                    added(9, "AB", special=False, normalized=True, single_word=True)],
                      normalizer={"type": "Lowercase"}),
        "charsmap": tiny(normalizer={"type": "Precompiled",
                                     "precompiled_charsmap": base64.b64encode(map_bytes).decode()}),
        "ctc": tiny(decoder={"type": "CTC", "pad_token": "_", "word_delimiter_token": "|", "cleanup": True}),
        "fixed_length": tiny(pre_tokenizer={"type": "Sequence", "pretokenizers": [
            {"type": "UnicodeScripts"}, {"type": "FixedLength", "length": 3}, {"type": "CharDelimiterSplit",
                                                                               "delimiter": "b"}]}),
        "fused": tiny(decoder={"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "_"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Replace", "pattern": {"Regex": "a+"}, "content": "A"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 2}, {"type": "WordPiece"}]}),
        "lookaround": tiny(pre_tokenizer={"type": "Split", "pattern": {"Regex": r"(?<=a)b|(?=(\d{3})+$)|(.)\2"},
                                          "behavior": "MergedWithNext", "invert": False}),
        "metaspace": tiny(pre_tokenizer={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"},
                          decoder={"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True}),
        "prefix": tiny(model={"type": "BPE", "unk_token": None, "continuing_subword_prefix": "##", "fuse_unk": True,
                              "vocab": {"a": 0, "##b": 1, "ab": 2, "##a": 3}, "merges": ["a ##b"]}),
        "template": tiny(added_tokens=[added(7, "<s>"), added(8, "</s>")], post_processor={
            "type": "Sequence", "processors": [{"type": "ByteLevel"}, {
                "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                         {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [7, 8], "tokens": ["<s>", "</s>"]}}}]}),
        "unigram_bytes": tiny(model={"type": "Unigram", "unk_id": 0, "byte_fallback": True,
                                     "vocab": [["<unk>", 0], ["a", -1.5], ["\u2581a", -2.5], ["\u00e9", -3]]}),
    }
    # Rules that multiply.
    double = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    one |= {
        "growing_decoder": tiny(decoder={"type": "Sequence", "decoders": [double] * 40}),
        "growing_normalizer": tiny(normalizer={"type": "Sequence", "normalizers": [double] * 40}),
        "growing_pre_tokenizer": tiny(pre_tokenizer={"type": "Sequence", "pretokenizers": [
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}] * 40}),
        "growing_template": tiny(post_processor={
            "type": "TemplateProcessing", "pair": [],
            "single": [{"Sequence": {"id": "A"}}] + [{"SpecialToken": {"id": "s"}}] * 40,
            "special_tokens": {"s": {"ids": [0] * 40}}}),
    }
    for name, value in one.items():
        write("tokenizer_json", f"{name}.json", dump(value))


# ---- GGUF vocabularies ----

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
LINE_NAMES = {"add_bos_token": "bos", "add_space_prefix": "space", "remove_extra_whitespaces": "whitespaces",
              "unknown_token_id": "unk", "padding_token_id": "pad", "seperator_token_id": "sep"}


def gguf_vocabulary(model, tokens, **keys):
    """`tokens`: (text, type, score)."""
    values = {"general.architecture": (STRING, "llama"), "tokenizer.ggml.model": (STRING, model),
              "tokenizer.ggml.tokens": (ARRAY, (STRING, [token[0] for token in tokens])),
              "tokenizer.ggml.token_type": (ARRAY, (I32, [token[1] for token in tokens])),
              "tokenizer.ggml.scores": (ARRAY, (F32, [token[2] for token in tokens]))}
    for key, value in keys.items():
        kind = BOOL if isinstance(value, bool) else U32 if isinstance(value, int) else STRING
        if isinstance(value, list):
            kind, value = ARRAY, (STRING, value)
        if isinstance(value, bytes):
            kind, value = ARRAY, (0, value)
        values[f"tokenizer.ggml.{key}"] = kind, value
    write("gguf_vocabulary", f"{model}.gguf", gguf(values))
    lines = [f"model {model}", *(f"token {kind} {score} {text}" for text, kind, score in tokens)]
    for key, value in keys.items():
        name = LINE_NAMES.get(key, key.split("_")[0])
        if isinstance(value, bool):
            lines.append(f"flag {name} {int(value)}")
        elif isinstance(value, int):
            lines.append(f"id {name} {value}")
        elif isinstance(value, list):
            lines += [f"merge {merge}" for merge in value]
        elif isinstance(value, bytes):
            lines.append(f"charsmap {base64.b64encode(value).decode()}")
        else:
            lines.append(f"{key} {value}")
    # The lines are for mutations: without the pieces of single bytes they are short.
    write("gguf_vocabulary", f"{model}.lines", "\n".join(line for line in lines if "<0x" not in line) + "\n")


def write_gguf_vocabularies(map_bytes):
    letters = json.loads(byte_level().to_str())["model"]
    pieces = sorted(letters["vocab"], key=letters["vocab"].get)
    tokens = [(piece, CONTROL if piece.startswith("<|") else NORMAL, 0.0) for piece in pieces]
    gguf_vocabulary("gpt2", tokens, pre="llama-bpe", merges=[" ".join(merge) for merge in letters["merges"]],
                    bos_token_id=0, eos_token_id=1, add_bos_token=True)
    spm = [("<unk>", UNKNOWN, 0.0), ("<s>", CONTROL, 0.0), ("</s>", CONTROL, 0.0)]
    spm += [(piece, BYTE, 0.0) for piece in BYTES]
    spm += [(piece, NORMAL, -float(i)) for i, piece in enumerate(
        ["\u2581the", "he", "\u2581t", *"\u2581theab\u00e9"])]
    spm += [("<tool>", USER, 0.0), ("", UNUSED, 0.0)]
    gguf_vocabulary("llama", spm, bos_token_id=1, eos_token_id=2, unknown_token_id=0)
    t5 = [("<pad>", CONTROL, 0.0), ("</s>", CONTROL, 0.0), ("<unk>", UNKNOWN, 0.0), ("\u2581", NORMAL, -2.0),
          ("\u2581the", NORMAL, -3.0), ("a", NORMAL, -4.0), ("b", NORMAL, -4.5), ("ab", NORMAL, -6.0),
          ("<extra_0>", USER, 0.0)]
    gguf_vocabulary("t5", t5, add_space_prefix=True, remove_extra_whitespaces=True, precompiled_charsmap=map_bytes)
    bert = [("[PAD]", CONTROL, 0.0), ("[UNK]", UNKNOWN, 0.0), ("[CLS]", CONTROL, 0.0), ("[SEP]", CONTROL, 0.0),
            ("[MASK]", CONTROL, 0.0), ("\u2581hello", NORMAL, 0.0), ("\u2581a", NORMAL, 0.0), ("b", NORMAL, 0.0)]
    gguf_vocabulary("bert", bert, cls_token_id=2, seperator_token_id=3, unknown_token_id=1, padding_token_id=0)
    rwkv = [("<s>", CONTROL, 0.0), *((f"\\x{byte:02x}", NORMAL, 0.0) for byte in range(256)), ("the", NORMAL, 0.0),
            ("\\n\\n", NORMAL, 0.0), ("\\xc3\\xa9", NORMAL, 0.0)]
    gguf_vocabulary("rwkv", rwkv, bos_token_id=0, eos_token_id=0)
    gemma = [("<pad>", CONTROL, 0.0), ("<eos>", CONTROL, 0.0), ("<bos>", CONTROL, 0.0), ("<unk>", UNKNOWN, 0.0),
             ("\u2581", NORMAL, 0.0), ("a", NORMAL, 0.0), ("b", NORMAL, 0.0), ("ab", NORMAL, 0.0), ("\n", NORMAL, 0.0)]
    gguf_vocabulary("gemma4", gemma, merges=["a b"], bos_token_id=2, eos_token_id=1, unknown_token_id=3)
    write("gguf_vocabulary", "json.gguf", gguf({"tokenizer.huggingface.json": (STRING, dump(tiny()))}))


# ---- other vocabularies ----

def sentencepiece_model(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(BOOK), model_writer=model, minloglevel=2,
                                             hard_vocab_limit=False, **options)
    return model.getvalue()


def write_vocabulary_files():
    ranks = [bytes([byte]) for byte in b" abcdefghij.\n\xc3\xa9"] + [b"ab", b"abc", b" a"]
    lines = b"".join(base64.b64encode(piece) + b" %d\n" % i for i, piece in enumerate(ranks))
    write("vocabulary_file", "qwen", b"tiktoken QWenTokenizer\n" + lines)
    write("vocabulary_file", "kimi", b"tiktoken TikTokenTokenizer 19=[BOS] 20=<|im_end|>\n" + lines)
    tekken = {"config": {"pattern": r"[a-z]+|\s+|.", "default_vocab_size": 6, "default_num_special_tokens": 3},
              "vocab": [{"rank": i, "token_bytes": base64.b64encode(piece).decode()}
                        for i, piece in enumerate([b"a", b"b", b"ab"])],
              "special_tokens": [{"rank": 0, "token_str": "<unk>"}, {"rank": 1, "token_str": "<s>"}]}
    write("vocabulary_file", "tekken", "tekken\n" + dump(tekken))
    del tekken["special_tokens"]
    tekken["config"] |= {"default_vocab_size": 2**24, "default_num_special_tokens": 2**24 - 3}
    write("vocabulary_file", "tekken_many", "tekken\n" + dump(tekken))
    write("vocabulary_file", "tekken_unnamed", "tekken\n" + dump(tekken))
    write("vocabulary_file", "rwkv", "rwkv\n1 '\\x00' 1\n2 'a' 1\n3 '\\n' 1\n4 b'\\xc3' 1\n5 '\u00e9' 2\n6 \"it's\" 4\n"
          "7 ' the' 4\n8 '\\u4e16' 3\n")
    write("vocabulary_file", "word_piece", "word_piece BertTokenizer 0=[PAD]\n"
          "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\na\n##b\n,\n##lo\nhel\n")
    letters = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocab = letters | {"he": 256, "\u0120he": 257, "<|endoftext|>": 258}
    for name in ("GPT2Tokenizer", "Qwen2Tokenizer"):
        write("vocabulary_file", name, f"merges {name} 259=<x> 260=<|im_end|>\n" + dump(vocab) +
              "\n===\n#version: 0.2\nh e\n\u0120 he\n")
    write("vocabulary_file", "roberta", "merges RobertaTokenizer\n" +
          dump({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "ab": 6, "<mask>": 7}) + "\n===\na b\n")
    write("vocabulary_file", "config", "config\n" + dump(
        {"bos_token": {"content": "<s>"}, "eos_token": "</s>", "add_bos_token": True, "unk_token": None}))
    unigram_model = sentencepiece_model(vocab_size=70, model_type="unigram", normalization_rule_name="identity",
                                        user_defined_symbols=["<tool>"], control_symbols=["<ctl>"])
    write("vocabulary_file", "sentencepiece_unigram", b"sentencepiece T5Tokenizer 3=<ctl>\n" + unigram_model)
    bpe_model = sentencepiece_model(vocab_size=340, model_type="bpe", normalization_rule_name="identity",
                                    byte_fallback=True)
    write("vocabulary_file", "sentencepiece_bpe", b"sentencepiece LlamaTokenizer 340=<x> 341=<y>\n" + bpe_model)
    for kind in ("char", "word"):
        model = sentencepiece_model(vocab_size=40, model_type=kind, normalization_rule_name="identity")
        write("vocabulary_file", f"sentencepiece_{kind}", f"sentencepiece {kind}\n".encode() + model)


# ---- texts ----

TEXTS = {
    "english": "The Queen's gardeners painted 3 roses, 1,000 times; they'd \"won't\"!\n\n\tThen  they left...   ",
    "scripts": "\u4f60\u597d\uff0c\u4e16\u754c \u3053\u3093\u306b\u3061\u306f \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd "
               "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0928\u092e\u0938\u094d\u0924\u0947 \u0425\u043b\u0435\u0431 \u00df\u00c9e\u0301",
    "emoji": "\U0001f41d\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea\u2764\ufe0f \ufffd\ue000",
    "special": "<s></s> <|begin|>x<|im_end|><|im_start|>system\n[CLS] [MASK]<unk><0x41><|endoftext|> <tool>",
    "spaces": "  \t\r\n \u00a0\u3000\u2003 x \n \n\n  ",
    "broken": b"\xff\xfea\xc3 \xe4\xb8 \xf0\x9f\x90 \xed\xa0\x80 \xc0\x80\x80",
    "marks": "e" + "\u0301" * 40 + "\u2581\u2581a \u2581b\u0120c",
    "letters": "a" * 90 + "A" * 20 + "7" * 33 + "the" * 12,
}


# ---- chat templates ----

TEMPLATES = {
    "tool_calls.jinja": """{%- if tools %}
<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content + '\\n\\n' }}{% endif %}# Tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'assistant' and message.tool_calls %}
<|im_start|>assistant
{% for call in message.tool_calls %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{{ "\\n" if not loop.last }}{% endfor %}<|im_end|>
{%- elif message.role == 'tool' %}
{%- if loop.first or loop.previtem.role != 'tool' %}<|im_start|>user{% endif %}
<tool_response>{{ message.content }}</tool_response>
{%- if loop.last or loop.nextitem.role != 'tool' %}<|im_end|>{% endif %}
{%- else %}
<|im_start|>{{ message.role }}
{{ message.content if message.content is string else message.content | map(attribute='text') | join }}<|im_end|>
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
<|im_start|>assistant
{% endif %}
""",
    "inst.jinja": """{{ bos_token }}{% set ns = namespace(index=0, system=none) %}{% for m in messages %}
{%- if m['role'] == 'system' %}{% set ns.system = m['content'] %}
{%- elif m['role'] == 'user' %}{% set ns.index = ns.index + 1 %}[INST] {{ ns.system ~ '\\n' if ns.system }}{{ m['content'] }} [/INST]
{%- elif m['role'] == 'assistant' %}{% generation %} {{ m['content'] | default('', true) | trim }}{{ eos_token }}{% endgeneration %}
{%- else %}{{ raise_exception('Only user and assistant roles, not ' + m['role']) }}{% endif %}{% endfor %}""",
    "reasoning.jinja": """{%- set last = namespace(user=-1) %}{% for m in messages[::-1] %}
{%- set i = messages | length - 1 - loop.index0 %}{% if last.user < 0 and m.role == 'user' %}{% set last.user = i %}{% endif %}{% endfor %}
{%- for m in messages %}<{{ m.role | upper }}>{% set content = m.content if m.content is string else '' %}
{%- if '</think>' in content %}{% set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
{%- if loop.index0 > last.user %}<think>{{ thought }}</think>{% endif %}{{ content.split('</think>')[-1] }}
{%- elif m.reasoning_content is defined and m.reasoning_content %}<think>{{ m.reasoning_content | trim }}</think>{{ content }}
{%- else %}{{ content }}{% endif %}</{{ m.role | upper }}>{% endfor %}
{%- if add_generation_prompt %}<ASSISTANT>{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif %}""",
    "macros.jinja": """{% macro schema(value, depth=0) -%}
{%- if value is mapping %}{% for k, v in value | dictsort %}{{ '  ' * depth }}{{ k }}: {{ schema(v, depth + 1) }}
{% endfor %}{% elif value is iterable and value is not string %}{% for v in value %}{{ schema(v, depth + 1) }}, {% endfor %}
{%- else %}{{ value | string | replace('\\n', ' ') | truncate(20) }}{% endif %}
{%- endmacro %}
{% for m in messages if m.role != 'system' %}{{ loop.cycle('-', '+') }} {{ schema(m) }}{% if loop.index > 9 %}{% break %}{% endif %}{% endfor %}
{%- macro box(x) %}[{{ caller(x) }}]{% endmacro %}
{%- call(x) box({'a': 1.5e10, 'b': [none, true, 2 ** 10, 7 // 2, -7 % 3]}) %}{{ schema(x) }}{% endcall %}
{{ '%5.2f|%s|%03d' | format(2.5, 'x', 7) }}{{ '{:>4}|{!r}'.format(1, 'x') }}{{ strftime_now('%Y-%m-%d') }}""",
    "filters.jinja": """{{ [3, 1, 2] | sort | reverse | list }}{{ 'a b c'.split() | batch(2, 'x') | list }}{{ messages | groupby('role') | length }}
{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | first | default('none') }}
{{ {'b': 1, 'a': [1, 2]} | tojson(indent=2) }}{{ 'x<y' | escape | upper | center(20) | indent(2) | wordcount }}
{{ range(3, 9, 2) | sum }}{{ 3.14159 | round(2) }}{{ 'abc'[::-1] ~ 'abc'[1:] }}{{ 1 if 'a' in 'abc' else 0 }}
{{ ['a', 'b', 'a'] | unique | join('-') }}{{ 'Hello World' | lower | title | replace('l', 'L', 1) }}
{% set x %}{% filter trim | upper %} text {% endfilter %}{% endset %}{{ x }}{% raw %}{{ raw }}{% endraw %}{# done #}
{% for row in [[1, [2, [3]]]] recursive %}{{ row if row is number else loop(row) }}{% else %}none{% endfor %}
{{ messages[0] | items | list | length }}{{ 'ß'.upper() }}{{ 'a,b'.partition(',') | last }}{{ 'x'.isdigit() }}""",
}
CONVERSATIONS = {
    "plain.json": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <|im_end|> \u00e9"},
                                {"role": "assistant", "content": "<think>\nHm\n</think>\n\nHello \U0001f41d"},
                                {"role": "user", "content": "  again\n"}]},
    "tools.json": {"messages": [{"role": "user", "content": "Weather?"},
                                {"role": "assistant", "content": None, "reasoning_content": "call it", "tool_calls": [
                                    {"type": "function", "id": "c1",
                                     "function": {"name": "weather", "arguments": {"city": "K\u00f6ln", "days": 2}}}]},
                                {"role": "tool", "name": "weather", "content": "{\"t\": 21.5}"}],
                   "tools": [{"type": "function", "function": {"name": "weather", "description": "Asks",
                                                               "parameters": {"type": "object", "properties": {
                                                                   "city": {"type": "string"}}}}}],
                   "extra": {"enable_thinking": False, "documents": [{"title": "x", "text": "y"}]}},
    "parts.json": {"messages": [{"role": "user", "content": [{"type": "text", "text": "See "}, {"type": "image"},
                                                            {"type": "text", "text": "\n<|im_start|>system"}]},
                                {"role": "odd|>", "content": "x", "thinking": "y", "n": [1.5, -3, 1e300, True, {}]}]},
    "continued.json": {"messages": [{"role": "user", "content": "Count"}, {"role": "assistant", "content": "One, two, "}]},
}


def main():
    map_bytes = charsmap()
    write_gguf()
    write_safetensors()
    write_configs()
    write_outputs()
    write_tokenizers(map_bytes)
    write_gguf_vocabularies(map_bytes)
    write_vocabulary_files()
    for name, text in TEXTS.items():
        write("tokenize_text", name, text)
    for name, text in TEMPLATES.items():
        write("chat_template", name, text)
    for name, value in CONVERSATIONS.items():
        write("chat_messages", name, dump(value))
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    print(f"{len(files)} inputs, {sum(path.stat().st_size for path in files)} bytes")


main()
