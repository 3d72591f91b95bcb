"""Checks that Hugging Face's tokenizers reads the tokenizer.json that Skep writes, with the same results.

    written_json.py WRITE_JSON_TOOL TOKENIZER...

A TOKENIZER is whatever Skep loads. Each is written by the tool, next to what Skep itself makes of the
strings of the data set tokenizer_json; the library must make the same of them.
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2
from tokenizers import Tokenizer, normalizers

GOLDEN = pathlib.Path(os.environ["SKEP_GOLDEN_DIR"])


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def numbers(self, count):
        values = struct.unpack_from(f"<{count}I", self.data, self.at)
        self.at += 4 * count
        return list(values)

    def text(self):
        size, = self.numbers(1)
        self.at += size
        return self.data[self.at - size:self.at].decode()


def broken_by_the_library(tokenizer):
    """Ids of added tokens that the library's ByteLevel decoder takes for bytes: DeepSeek Coder's "ö"
    is a character of the byte alphabet, and comes back as half a character. Skep gives it back."""
    if "ByteLevel" not in str(tokenizer.decoder):
        return set()
    return {i for i, token in tokenizer.get_added_tokens_decoder().items()
            if not token.content.isascii() and "\ufffd" in tokenizer.decode([i], False)}


class LibraryAndSentencePiece:
    """Where the library and SentencePiece differ in what no file can say."""

    def __init__(self, model):
        proto = sentencepiece_model_pb2.ModelProto.FromString(model)
        self.is_unigram = proto.trainer_spec.model_type == 1
        self.processor = SentencePieceProcessor(model_proto=model)
        charsmap = proto.normalizer_spec.precompiled_charsmap
        self.precompiled = normalizers.Precompiled(charsmap) if charsmap else None
        proto.normalizer_spec.add_dummy_prefix = False
        proto.normalizer_spec.remove_extra_whitespaces = False
        proto.normalizer_spec.escape_whitespaces = False
        self.charsmap_only = SentencePieceProcessor(model_proto=proto.SerializeToString())

    def differ(self, text):
        """The charsmap alone gives another text: the library looks at grapheme clusters, and takes the
        shortest of its rules."""
        if self.precompiled and self.precompiled.normalize_str(text) != self.charsmap_only.normalize(text):
            return True
        return self.is_unigram and not self.has_one_best(text)

    def has_one_best(self, text):
        """Two ways to write a text whose scores differ by rounding only: SentencePiece adds them up in
        float32, the library in float64."""
        best = [sum(map(self.processor.get_score, ids))
                for ids in self.processor.nbest_encode(text, nbest_size=2, out_type=int)]
        return len(best) < 2 or best[0] - best[1] > 1e-3


def sentencepiece_behind(path):
    """Of a tokenizer.model, or of the GGUF file that was made from one."""
    if path.name == "model.gguf" and path.parent.name.startswith("gguf_spm"):
        path = path.parent.with_name(path.parent.name.removeprefix("gguf_")) / "tokenizer.model"
    return LibraryAndSentencePiece(path.read_bytes()) if ".model" in path.name else None


def check(tool, path, texts):
    """How many strings differ."""
    path = pathlib.Path(path)
    if (path / "path").exists():  # where it is in the cache
        path = GOLDEN.parent / (path / "path").read_text()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([tool, path, GOLDEN / "tokenizer_json/texts.bin", folder], check=True)
        tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
        cases = Reader(pathlib.Path(folder, "cases.bin").read_bytes())
    failures = left_out = 0
    broken = broken_by_the_library(tokenizer)
    sentencepiece = sentencepiece_behind(path)
    for text in texts:
        ours = cases.numbers(cases.numbers(1)[0]), cases.text(), cases.text()
        ids = tokenizer.encode(text).ids
        theirs = (ids, tokenizer.decode(ours[0], skip_special_tokens=False),
                  tokenizer.decode(ours[0], skip_special_tokens=True))
        if broken.intersection(ids):
            ours, theirs = ours[0], theirs[0]
        if ours != theirs and ours[1:] == theirs[1:] and sentencepiece and sentencepiece.differ(text):
            left_out += 1
        elif ours != theirs:
            failures += 1
            if failures <= 3:
                print(f"{path}: {text!r}\n  Skep    {ours}\n  library {theirs}")
    assert left_out < len(texts) / 20, f"{path}: {left_out} strings say nothing"
    return failures


def main():
    tool, *paths = sys.argv[1:]
    reader = Reader((GOLDEN / "tokenizer_json/texts.bin").read_bytes())
    texts = []
    while reader.at < len(reader.data):
        texts.append(reader.text())
    assert len(texts) >= 5000
    failed = {path: count for path in paths if (count := check(tool, path, texts))}
    print(f"{len(paths)} tokenizers, {len(texts)} strings: differences {failed or 'none'}")
    sys.exit(bool(failed))


main()
