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

from tokenizers import Tokenizer

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


def check(tool, path, texts):
    """How many strings differ."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([tool, path, GOLDEN / "tokenizer_json/texts.bin", folder], check=True)
        tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
        cases = Reader(pathlib.Path(folder, "cases.bin").read_bytes())
    failures = 0
    broken = broken_by_the_library(tokenizer)
    for text in texts:
        ours = cases.numbers(cases.numbers(1)[0]), cases.text(), cases.text()
        ids = tokenizer.encode(text).ids
        theirs = (ids, tokenizer.decode(ours[0], skip_special_tokens=False),
                  tokenizer.decode(ours[0], skip_special_tokens=True))
        if broken.intersection(ids):
            ours, theirs = ours[0], theirs[0]
        if ours != theirs:
            failures += 1
            if failures <= 3:
                print(f"{path}: {text!r}\n  Skep    {ours}\n  library {theirs}")
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
