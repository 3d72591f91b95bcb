"""Seeds for the other forms of a tokeniser: those of GGUF files, and vocabulary files."""
import base64
import io
import json

import sentencepiece
from tokenizers import pre_tokenizers

from seed_files import ARRAY, BOOK, BOOL, F32, I32, STRING, U32, dump, gguf, write
from seed_tokenizers import BYTES, byte_level, tiny

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
