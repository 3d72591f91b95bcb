"""Seeds that are a tokenizer.json."""
import base64
import io
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from seed_files import BOOK, dump, write

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")


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
                                    added(9, "AB", special=False, normalized=True, single_word=True),
                                    added(10, "<|x|>", normalized=True)],
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
