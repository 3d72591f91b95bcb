"""Tokenizations of vocabularies that are no tokenizer.json: files for tiktoken, tekken.json, RWKV's
World vocabulary, vocab.json with merges.txt, SentencePiece's models, and GGUF files of those.

The references are the libraries tiktoken, rwkv, sentencepiece and transformers. One folder a case:
the files, or `path` to where they are in the cache, and cases.json.
"""
import base64
import importlib.util
import io
import json
import os
import pathlib
import random
import unicodedata

import gguf_metadata
import golden
from hard_texts import texts

golden.use_llama_cpp_gguf()
import gguf  # noqa: E402
import sentencepiece  # noqa: E402
import tiktoken  # noqa: E402
from rwkv.rwkv_tokenizer import TRIE_TOKENIZER  # noqa: E402
from sentencepiece import sentencepiece_model_pb2  # noqa: E402
from transformers import AutoTokenizer, BertTokenizer  # noqa: E402

VOCABULARIES = golden.LLAMA_CPP / "models"
CORPUS = [path for path in (golden.LLAMA_CPP / "README.md", golden.LLAMA_CPP / "src/unicode.cpp")
          if path.exists()]
RWKV = pathlib.Path(importlib.util.find_spec("rwkv").origin).parent / "rwkv_vocab_v20230424.txt"
MISTRAL = pathlib.Path(importlib.util.find_spec("mistral_common").origin).parent / "data"
TYPED = ["<|im_start|>system\nx<|im_end|>", "a<|endoftext|> b", "<s>", "</s>x", " [INST] y [/INST]", "<unk>",
         "<|eot_id|>", "[BOS]", "<mask> x", "a <mask>", "[MASK]", "a [MASK] b", "<0x0A>", "[CLS]", "<pad>"]


def write(folder, strings, encode, decode, add_special=False, parse=None):
    """encode(text) is what is wanted with special tokens as text; `parse` the same as tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for text in strings:
        ids = encode(text)
        case = {"text": text, "ids": ids, "decoded": decode(ids)}
        if parse:
            case["parsed"] = parse(text)
        cases.append(case)
    (folder / "cases.json").write_text(json.dumps({"add_special": add_special, "cases": cases}))


def point_to(folder, path):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "path").write_text(os.path.relpath(path, golden.CACHE))


def read_gguf(name):
    metadata = gguf_metadata.read(VOCABULARIES / f"ggml-vocab-{name}.gguf")
    return {key.removeprefix("tokenizer.ggml."): value
            for key, value in metadata.items() if key.startswith("tokenizer.ggml.")}


def byte_of_letter():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(byte): byte for byte in printable}
    others = [byte for byte in range(256) if byte not in printable]
    return letters | {chr(256 + i): byte for i, byte in enumerate(others)}


LETTERS = byte_of_letter()


def ranks_of(name, count):
    """The first pieces of a byte-level vocabulary, as tiktoken has them."""
    return {bytes(LETTERS[c] for c in piece): i for i, piece in enumerate(read_gguf(name)["tokens"][:count])}


# ---- tiktoken ----

TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
QWEN = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL
LLAMA3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|")
R50K = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
          r"|\s*[\r\n]|\s+(?!\S)|\s")
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+{CONTRACTIONS}?"
         rf"|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*{CONTRACTIONS}?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL)
NO_HAN = r"&&[^\p{Han}]"
KIMI = (rf"[\p{{Han}}]+|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}{NO_HAN}]*[{LOWER}{NO_HAN}]+{CONTRACTIONS}?"
        rf"|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}{NO_HAN}]+[{LOWER}{NO_HAN}]*{CONTRACTIONS}?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL)


def write_tiktoken(out, case, file_name, ranks, pattern, special, config=None, nfc=False, prefix=()):
    folder = out / case
    folder.mkdir(parents=True)
    (folder / file_name).write_bytes(
        b"".join(base64.b64encode(piece) + f" {rank}\n".encode() for piece, rank in ranks.items()))
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    encoding = tiktoken.Encoding(case, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    form = (lambda text: unicodedata.normalize("NFC", text)) if nfc else (lambda text: text)
    # A special token keeps its characters, so it can be looked for before or after normalizing.
    write(folder, texts() + TYPED, lambda text: [*prefix, *encoding.encode(form(text), disallowed_special=())],
          lambda ids: encoding.decode(ids[len(prefix):]) if prefix else encoding.decode(ids),
          add_special=bool(prefix),
          parse=lambda text: [*prefix, *encoding.encode(form(text), allowed_special="all")])


def write_all_tiktoken(out):
    gpt2 = ranks_of("gpt-2", 50256)
    write_tiktoken(out, "tiktoken_r50k", "r50k_base.tiktoken", gpt2, R50K, {"<|endoftext|>": 50256})
    write_tiktoken(out, "tiktoken_cl100k", "cl100k_base.tiktoken", gpt2, CL100K, {"<|endoftext|>": 50257})
    write_tiktoken(out, "tiktoken_o200k", "o200k_base.tiktoken", gpt2, O200K, {"<|endoftext|>": 50257})
    qwen = {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645}
    write_tiktoken(out, "tiktoken_qwen", "qwen.tiktoken", ranks_of("qwen2", 151643), QWEN,
                   qwen | {f"<|extra_{i}|>": 151646 + i for i in range(205)},
                   {"tokenizer_class": "QWenTokenizer"}, nfc=True)
    tokens = read_gguf("llama-bpe")["tokens"]
    write_tiktoken(out, "tiktoken_llama3", "tokenizer.model", ranks_of("llama-bpe", 128000), LLAMA3,
                   {"<|begin_of_text|>": 128000, "<|eot_id|>": 128009, tokens[128001]: 128001})
    kimi = {"[BOS]": 50256, "[EOS]": 50257, "<|im_end|>": 50260, "<|im_start|>": 50270}
    write_tiktoken(
        out, "tiktoken_kimi", "tiktoken.model", gpt2, KIMI,
        kimi | {f"<|reserved_token_{i}|>": i for i in range(50256, 50512) if i not in kimi.values()},
        {"tokenizer_class": "TikTokenTokenizer", "bos_token": "[BOS]", "eos_token": "[EOS]",
         "added_tokens_decoder": {str(i): {"content": text, "special": True} for text, i in kimi.items()}})
    # Every way to write a piece has the same rank: what differs from a list of merges.
    rng = random.Random(5)
    pieces = {bytes([byte]): byte for byte in range(256)}
    words = ["".join(rng.choice("ab") for _ in range(length)) for length in (2, 3, 4, 5, 6) for _ in range(40)]
    for word in dict.fromkeys(words):
        pieces.setdefault(word.encode(), len(pieces))
    write_tiktoken(out, "tiktoken_ties", "x.tiktoken", pieces, r"\S+|\s+", {}, {"pat_str": r"\S+|\s+"})
    folder = out / "tiktoken_ties"
    encoding = tiktoken.Encoding("ties", pat_str=r"\S+|\s+", mergeable_ranks=pieces, special_tokens={})
    strings = ["".join(rng.choice("ab") for _ in range(rng.randint(2, 90))) for _ in range(2000)]
    write(folder, strings, encoding.encode, encoding.decode)


def write_tekken(out, case, name):
    path = MISTRAL / name
    data = json.loads(path.read_text())
    config = data["config"]
    special = config["default_num_special_tokens"]
    ranks = {base64.b64decode(piece["token_bytes"]): piece["rank"]
             for piece in data["vocab"][:config["default_vocab_size"] - special]}
    encoding = tiktoken.Encoding(case, pat_str=config["pattern"], mergeable_ranks=ranks, special_tokens={})
    point_to(out / case, path)
    write(out / case, texts() + TYPED,
          lambda text: [1, *(i + special for i in encoding.encode(text, disallowed_special=()))],
          lambda ids: "<s>" + encoding.decode([i - special for i in ids[1:]]), add_special=True)


# ---- RWKV ----

def write_rwkv(out):
    reference = TRIE_TOKENIZER(str(RWKV))
    strings = texts() + TYPED + ["x" * 200, " " * 130, "\n" * 140, "-" * 161]
    decode = lambda ids: reference.decodeBytes(ids).decode("utf-8", "replace")  # noqa: E731
    point_to(out / "rwkv", RWKV)
    write(out / "rwkv", strings, reference.encode, decode)
    folder = out / "gguf_rwkv"
    write(folder, strings, reference.encode, decode)
    tokens, types = [b"<s>"], [gguf.TokenType.CONTROL]
    for i in range(1, 65530):  # as llama.cpp's converter writes them
        tokens.append(repr(reference.idx2token[i])[2:-1].encode())
        types.append(gguf.TokenType.NORMAL)
    tokens += [f"[PAD{i}]".encode() for i in range(65530, 65536)]
    types += [gguf.TokenType.UNUSED] * 6
    write_gguf(folder, "rwkv", tokens, types, {"bos_token_id": 0, "eos_token_id": 0, "eot_token_id": 261})


def write_gguf(folder, model, tokens, types, ids, flags=(), scores=None, merges=None, charsmap=None):
    writer = gguf.GGUFWriter(folder / "model.gguf", "llama")
    writer.add_tokenizer_model(model)
    writer.add_token_list(tokens)
    writer.add_token_types([int(kind) for kind in types])
    if scores:
        writer.add_token_scores(scores)
    if charsmap:
        writer.add_precompiled_charsmap(charsmap)
    if merges is not None:
        writer.add_token_merges(merges)
    for key, value in ids.items():
        writer.add_uint32(f"tokenizer.ggml.{key}", value)
    for key, value in dict(flags).items():
        writer.add_bool(f"tokenizer.ggml.{key}", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


# ---- vocab.json and merges.txt, vocab.txt ----

def write_vocab_and_merges(out, case, name, tokenizer_class, extra=(), config=(), count=None):
    data = read_gguf(name)
    folder = out / case
    folder.mkdir(parents=True)
    vocab = {token: i for i, token in enumerate(data["tokens"][:count])} | dict(extra)
    merges = [merge for merge in data["merges"] if all(part in vocab for part in merge.split(" ", 1))
              and merge.replace(" ", "", 1) in vocab]
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": tokenizer_class} | dict(config)))
    write_transformers(folder, AutoTokenizer.from_pretrained(folder))


def write_transformers(folder, tokenizer):
    backend = tokenizer.backend_tokenizer

    def encode(text, special):
        backend.encode_special_tokens = special
        return backend.encode(text, add_special_tokens=True).ids

    write(folder, texts() + TYPED, lambda text: encode(text, True),
          lambda ids: backend.decode(ids, skip_special_tokens=False), add_special=True,
          parse=lambda text: encode(text, False))


def write_folders(out):
    write_vocab_and_merges(out, "vocab_gpt2", "gpt-2", "GPT2Tokenizer")
    write_vocab_and_merges(out, "vocab_neox", "gpt-neox", "GPTNeoXTokenizer", count=50254)
    special = {str(i): {"content": text, "special": True} for i, text in
               ((151643, "<|endoftext|>"), (151644, "<|im_start|>"), (151645, "<|im_end|>"))}
    write_vocab_and_merges(out, "vocab_qwen2", "qwen2", "Qwen2Tokenizer", count=151643,
                           config={"added_tokens_decoder": special, "eos_token": "<|im_end|>",
                                   "pad_token": "<|endoftext|>"})
    write_vocab_and_merges(out, "vocab_roberta", "gpt-2", "RobertaTokenizer",
                           extra={"<s>": 50257, "</s>": 50258, "<pad>": 50259, "<unk>": 50260, "<mask>": 50261},
                           config={"add_prefix_space": True})


def write_bert(out):
    data = read_gguf("bert-bge")
    kinds = data["token_type"]
    vocab = [token if kind == 3 else token[1:] if token.startswith("▁") else "##" + token
             for token, kind in zip(data["tokens"], kinds)]
    folder = out / "vocab_bert"
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True}))
    tokenizer = BertTokenizer.from_pretrained(folder)
    write_transformers(folder, tokenizer)
    point_to(out / "gguf_bert", VOCABULARIES / "ggml-vocab-bert-bge.gguf")
    write_transformers(out / "gguf_bert", tokenizer)


# ---- SentencePiece ----

def corpus():
    lines = [line.replace("\x00", "") for path in CORPUS for line in path.read_text(errors="ignore").splitlines()]
    return lines + [text.replace("\x00", "") for text in texts()[:300]]


def train(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_writer=model, vocab_size=1500, character_coverage=0.98,
        num_threads=1, minloglevel=2, hard_vocab_limit=False, **options)
    return model.getvalue()


def has_one_best(processor, text):
    """Whether the best way to write a text is one: of two whose scores differ by rounding only (the
    same pieces in another order), each version of the library takes another."""
    best = [sum(map(processor.get_score, ids)) for ids in processor.nbest_encode(text, nbest_size=2, out_type=int)]
    return len(best) < 2 or best[0] - best[1] > 1e-3


def write_spm(folder, model, strings=None):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    strings = strings or texts() + TYPED + ["  a  b  ", "[X] [X]a", "ｆｕｌｌ　ＷＩＤＴＨ ㌔"]
    if sentencepiece_model_pb2.ModelProto.FromString(model).trainer_spec.model_type == 1:  # unigram
        strings = [text for text in strings if has_one_best(processor, text)]
    # A text that begins with marks of its own loses all of them where spaces are removed; Skep, which
    # decodes token by token, drops one.
    strings = [text for text in strings if not text.startswith("▁")]
    write(folder, strings, processor.encode, processor.decode)
    return processor


SPM = {
    "spm_llama": {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity",
                  "remove_extra_whitespaces": False, "split_digits": True},
    "spm_gemma": {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity",
                  "remove_extra_whitespaces": False, "add_dummy_prefix": False,
                  "user_defined_symbols": ["[X]", "\n\n", "<a b>"]},
    "spm_t5": {"model_type": "unigram", "normalization_rule_name": "nmt_nfkc", "pad_id": 0, "eos_id": 1,
               "unk_id": 2, "bos_id": -1, "user_defined_symbols": ["[X]"]},
    "spm_nfkc_cf": {"model_type": "unigram", "byte_fallback": True, "normalization_rule_name": "nmt_nfkc_cf"},
    "spm_bpe_nfkc": {"model_type": "bpe", "normalization_rule_name": "nfkc", "control_symbols": ["<ctl>"],
                     "user_defined_symbols": ["[X]", "x y"]},
}


def write_sentencepiece(out):
    for case, options in SPM.items():
        model = train(**options)
        write_spm(out / case, model)
        (out / case / "tokenizer.model").write_bytes(model)
        if options["model_type"] == "unigram":
            write_unigram_gguf(out / f"gguf_{case}", model)
    for case, name in (("spm_mistral_v1", "tokenizer.model.v1"),
                       ("spm_mistral_v3", "mistral_instruct_tokenizer_240323.model.v3"),
                       ("spm_mistral_v7", "mistral_instruct_tokenizer_241114.model.v7")):
        write_spm(out / case, (MISTRAL / name).read_bytes())
        point_to(out / case, MISTRAL / name)
    # A piece that the model takes for text and tokenizer_config.json for structure.
    folder = out / "spm_typed"
    model = train(model_type="bpe", byte_fallback=True, user_defined_symbols=["<|im_start|>", "<|im_end|>"])
    folder.mkdir()
    (folder / "tokenizer.model").write_bytes(model)
    ids = {text: sentencepiece.SentencePieceProcessor(model_proto=model).piece_to_id(text)
           for text in ("<|im_start|>", "<|im_end|>")}
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"added_tokens_decoder": {str(i): {"content": text, "special": True} for text, i in ids.items()}}))


def write_unigram_gguf(folder, model):
    processor = write_spm(folder, model)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    write_gguf(folder, "t5", [piece.piece.encode() for piece in proto.pieces],
               [piece.type for piece in proto.pieces],
               {"unknown_token_id": processor.unk_id(), "eos_token_id": processor.eos_id()},
               {"add_space_prefix": proto.normalizer_spec.add_dummy_prefix,
                "remove_extra_whitespaces": proto.normalizer_spec.remove_extra_whitespaces},
               scores=[piece.score for piece in proto.pieces],
               charsmap=proto.normalizer_spec.precompiled_charsmap)


def write_nomic(out):
    """A real vocabulary of kind t5: SentencePiece's own model, put together again."""
    data = read_gguf("nomic-bert-moe")
    proto = sentencepiece_model_pb2.ModelProto()
    for token, score, kind in zip(data["tokens"], data["scores"], data["token_type"]):
        proto.pieces.add(piece=token, score=score, type=int(kind))
    proto.trainer_spec.unk_id = int(data["unknown_token_id"])
    proto.trainer_spec.bos_id = proto.trainer_spec.pad_id = -1
    proto.trainer_spec.eos_id = -1
    proto.normalizer_spec.precompiled_charsmap = bytes(int(b) & 255 for b in data["precompiled_charsmap"])
    write_spm(out / "gguf_nomic", proto.SerializeToString(), texts() + TYPED[:2])
    point_to(out / "gguf_nomic", VOCABULARIES / "ggml-vocab-nomic-bert-moe.gguf")


def generate(out):
    write_all_tiktoken(out)
    write_tekken(out, "tekken_v3", "tekken_240718.json")
    write_tekken(out, "tekken_v7", "tekken_240911.json")
    write_rwkv(out)
    write_folders(out)
    write_bert(out)
    write_sentencepiece(out)
    write_nomic(out)


golden.main(generate, inputs=[gguf_metadata.__file__, golden.SOURCE / "tests/golden/hard_texts.py", RWKV, *CORPUS],
            packages=["tiktoken", "rwkv", "mistral-common", "sentencepiece", "transformers", "tokenizers"])
