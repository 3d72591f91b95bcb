"""Small tokenizers, trained here on the same text, that together use every component of
tokenizer.json and the options of each."""
import io
import json

import golden
import sentencepiece
from hard_texts import texts
from tokenizers import (
    AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)

CORPUS = golden.SOURCE / "tests/data/alice.txt"


def corpus():
    return CORPUS.read_text().splitlines(keepends=True)[:1200] + texts()[:600]


def train(model, trainer, normalizer=None, pre_tokenizer=None, decoder=None, special=("<unk>",), size=900,
          **options):
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.WhitespaceSplit()
    if trainer is trainers.UnigramTrainer:
        options["unk_token"] = special[0]
    elif trainer is not trainers.WordLevelTrainer:
        options["limit_alphabet"] = 250
    tokenizer.train_from_iterator(corpus(), trainer(
        vocab_size=size, show_progress=False, special_tokens=list(special), **options))
    if pre_tokenizer is None:
        tokenizer.pre_tokenizer = None
    if decoder:
        tokenizer.decoder = decoder
    return tokenizer


def around(tokenizer, template, *tokens):
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(t, tokenizer.token_to_id(t)) for t in tokens])
    return tokenizer


def byte_pieces():
    return [f"<0x{byte:02X}>" for byte in range(256)]


def charsmap(rule):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()[:300]), model_writer=model, model_type="unigram", vocab_size=200,
        normalization_rule_name=rule, hard_vocab_limit=False, num_threads=1, minloglevel=2)
    import sentencepiece.sentencepiece_model_pb2 as proto
    message = proto.ModelProto()
    message.ParseFromString(model.getvalue())
    return message.normalizer_spec.precompiled_charsmap


BERT_SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[MASK]")


def wordpiece():
    tokenizer = train(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer,
                      normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(),
                      BERT_SPECIAL)
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True, special=True)])
    return around(tokenizer, "[CLS] $A [SEP]", "[CLS]", "[SEP]"), True


def wordpiece_cased():
    tokenizer = train(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=12), trainers.WordPieceTrainer,
                      normalizers.BertNormalizer(handle_chinese_chars=False, strip_accents=True, lowercase=False),
                      pre_tokenizers.Whitespace(), decoders.WordPiece(cleanup=False), BERT_SPECIAL)
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", tokenizer.token_to_id("[SEP]")), ("[CLS]", tokenizer.token_to_id("[CLS]")))
    return tokenizer, True


def word_level():
    tokenizer = train(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer,
                      normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()]),
                      pre_tokenizers.WhitespaceSplit(), None, ("<unk>", "<s>", "</s>"))
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")))
    tokenizer.add_tokens([AddedToken("Word", single_word=True, normalized=True)])
    return tokenizer, True


def t5():
    tokenizer = train(models.Unigram(), trainers.UnigramTrainer,
                      normalizers.Sequence([normalizers.Precompiled(charsmap("nmt_nfkc")),
                                            normalizers.Replace(Regex(" {2,}"), " ")]),
                      pre_tokenizers.Metaspace(prepend_scheme="always"), decoders.Metaspace(),
                      ("<unk>", "<pad>", "</s>"))
    tokenizer.add_special_tokens([AddedToken("<extra_id_0>", rstrip=True, special=True, normalized=False)])
    return around(tokenizer, "$A </s>", "</s>"), True


def albert():
    tokenizer = train(models.Unigram(), trainers.UnigramTrainer,
                      normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.NFKD(),
                                            normalizers.StripAccents(), normalizers.Lowercase(),
                                            normalizers.Precompiled(charsmap("nfkc_cf"))]),
                      pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(),
                                               pre_tokenizers.Metaspace(prepend_scheme="always")]),
                      decoders.Metaspace(prepend_scheme="always"), ("<unk>", "[CLS]"))
    return tokenizer, False


def helium():
    tokenizer = train(models.Unigram(), trainers.UnigramTrainer,
                      normalizers.Sequence([normalizers.Prepend(" "), normalizers.Replace(" ", "▁")]),
                      pre_tokenizers.Split("\n", "contiguous"), None,
                      ("<unk>", "<s>", *byte_pieces()), size=1200)
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    data["model"]["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Replace("▁", " "), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    return around(tokenizer, "<s> $A", "<s>"), True


def clip():
    tokenizer = train(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), trainers.BpeTrainer,
                      normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                            normalizers.Lowercase()]),
                      pre_tokenizers.Split(Regex(r"<\|endoftext\|>|'s|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"),
                                           "removed", invert=True), decoders.BPEDecoder(), end_of_word_suffix="</w>")
    return tokenizer, False


def bpe_prefix():
    tokenizer = train(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", fuse_unk=True),
                      trainers.BpeTrainer, normalizers.NFKC(), pre_tokenizers.Punctuation("merged_with_next"),
                      decoders.WordPiece(cleanup=True), continuing_subword_prefix="##")
    return tokenizer, False


def bpe_some_bytes():
    """Byte fallback where only some bytes are pieces, and unknown characters among them."""
    tokenizer = train(models.BPE(unk_token="<unk>"), trainers.BpeTrainer, normalizers.Nmt(),
                      pre_tokenizers.FixedLength(length=7), decoders.Sequence(
                          [decoders.Replace(Regex("a+"), "_"), decoders.Strip("_", 0, 1), decoders.Strip("e", 1, 0)]),
                      ("<unk>", *byte_pieces()[:0xd8]))
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
    data["model"] |= {"byte_fallback": True, "ignore_merges": True}
    return Tokenizer.from_str(json.dumps(data)), False


def byte_level_normalizer():
    tokenizer = train(models.BPE(), trainers.BpeTrainer,
                      normalizers.Sequence([normalizers.Strip(), normalizers.ByteLevel()]),
                      pre_tokenizers.UnicodeScripts(), decoders.ByteLevel(), ("<s>",))
    tokenizer.add_tokens([AddedToken("wörd", normalized=True), AddedToken(" x ", normalized=False)])
    return tokenizer, False


def scripts():
    tokenizer = train(models.Unigram(), trainers.UnigramTrainer, normalizers.NFKC(),
                      pre_tokenizers.Sequence([pre_tokenizers.UnicodeScripts(), pre_tokenizers.Digits(),
                                               pre_tokenizers.Punctuation("isolated")]))
    return tokenizer, False


def delimiter():
    tokenizer = train(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer, None,
                      pre_tokenizers.Sequence([pre_tokenizers.CharDelimiterSplit("|"),
                                               pre_tokenizers.Split(Regex(r"\w+"), "merged_with_previous")]),
                      decoders.CTC("a", "b", True), ("<unk>", "<pad>"))
    return tokenizer, False


def letters(individual, behavior):
    """ASR: characters, and the decoders behind Fuse."""
    tokenizer = train(models.BPE(unk_token="<unk>", fuse_unk=True), trainers.BpeTrainer, normalizers.NFD(),
                      pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=individual),
                                               pre_tokenizers.Punctuation(behavior)]),
                      decoders.Sequence([decoders.Fuse(), decoders.Replace("the", "ete"), decoders.Strip("t", 2, 0),
                                         decoders.Metaspace(replacement="o", prepend_scheme="never")]))
    return tokenizer, False


def phrases():
    """White space everywhere: added tokens of every kind, Metaspace only at the start."""
    tokenizer = train(models.BPE(unk_token="<unk>"), trainers.BpeTrainer, normalizers.Strip(right=False),
                      pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
                      decoders.Metaspace(prepend_scheme="first"), ("<unk>", "<s>"))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, special=True, normalized=False)])
    tokenizer.add_tokens([AddedToken("word", single_word=True, normalized=False),
                          AddedToken("wor", rstrip=True, normalized=False), AddedToken(" ", normalized=False),
                          AddedToken("a", lstrip=True, single_word=True, normalized=True),
                          AddedToken("  the", normalized=True), AddedToken("\n", normalized=False)])
    return around(tokenizer, "<s> $A <s>", "<s>"), True


def byte_level_words():
    """Byte-level words for a model that takes no bytes, with a prefix space on each word."""
    tokenizer = train(models.WordPiece(unk_token="<unk>", continuing_subword_prefix=""), trainers.WordPieceTrainer,
                      normalizers.Prepend("é"), pre_tokenizers.Sequence(
                          [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=True),
                           pre_tokenizers.Split("e", "merged_with_next", invert=True)]),
                      decoders.ByteLevel())
    tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(), processors.TemplateProcessing(single="<unk> $A <unk>",
                                                               special_tokens=[("<unk>", 0)])])
    return tokenizer, True


ALL = {
    "wordpiece": wordpiece, "wordpiece_cased": wordpiece_cased, "word_level": word_level, "t5": t5,
    "albert": albert, "helium": helium, "clip": clip, "bpe_prefix": bpe_prefix, "bpe_some_bytes": bpe_some_bytes,
    "byte_level_normalizer": byte_level_normalizer, "scripts": scripts, "delimiter": delimiter,
    "letters": lambda: letters(False, "contiguous"), "digits": lambda: letters(True, "removed"),
    "phrases": phrases, "byte_level_words": byte_level_words,
}
