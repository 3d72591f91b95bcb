"""Two tokenisers of 384 tokens, byte-level BPE and SentencePiece, for tiny models that must load
like real ones. Both are trained on the same text, deterministically, and can write any bytes."""
import functools
import io
import json

import sentencepiece
import tokenizers

import golden

TEXT = golden.SOURCE / "tests/data/alice.txt"
VOCAB_SIZE = 384
SPECIAL_IDS = dict(pad_token_id=0, bos_token_id=1, eos_token_id=2)
SPECIAL = ["<pad>", "<s>", "</s>"]


@functools.cache
def _bpe():
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([TEXT.read_text()], trainer)
    return tokenizer


@functools.cache
def _spm():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.read_text().splitlines()), model_writer=model,
        model_type="bpe", vocab_size=VOCAB_SIZE, byte_fallback=True, num_threads=1,
        character_coverage=1.0, normalization_rule_name="identity",
        remove_extra_whitespaces=False, pad_id=0, bos_id=1, eos_id=2, unk_id=3,
        hard_vocab_limit=True, minloglevel=2)
    return model.getvalue()


def save(kind, folder):
    """Writes the tokeniser "bpe" or "spm" as a model's folder keeps it."""
    config = {"bos_token": SPECIAL[1], "eos_token": SPECIAL[2], "pad_token": SPECIAL[0]}
    if kind == "bpe":
        _bpe().save(str(folder / "tokenizer.json"))
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    else:
        (folder / "tokenizer.model").write_bytes(_spm())
        config |= {"tokenizer_class": "LlamaTokenizer", "unk_token": "<unk>", "add_bos_token": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2))
