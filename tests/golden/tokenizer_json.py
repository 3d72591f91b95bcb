"""tokenizer.json of every kind, with the ids and texts that Hugging Face's tokenizers makes of more than
5,000 hard strings: real vocabularies (those of llama.cpp's source and of the cached models, with the
components that the models' own files have), and small ones trained here that use every component.

Writes texts.bin (the strings) and, one folder a tokenizer, tokenizer.json and cases.bin; see write_cases.
"""
import json
import struct

import golden
import hard_texts
import real_vocabularies
import trained_tokenizers

from tokenizers import Tokenizer


def varint(value):
    result = bytearray()
    while value >= 0x80:
        result.append(value & 0x7f | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


def packed_ids(ids):
    return varint(len(ids)) + b"".join(map(varint, ids))


def packed_text(text):
    data = text.encode()
    return varint(len(data)) + data


def without_special_names(tokenizer):
    """The same tokenizer, but no text can spell its special tokens: what typed ones must become."""
    data = json.loads(tokenizer.to_str())
    names = {token["content"]: f"\U0010fffd{i}\U0010fffd"
             for i, token in enumerate(data["added_tokens"]) if token["special"]}
    for token in data["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    model = data["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(piece, piece): i for piece, i in model["vocab"].items()}
    else:
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
    if model.get("unk_token") is not None:
        model["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    return Tokenizer.from_str(json.dumps(data))


def write_cases(folder, tokenizer, strings, add_special):
    """cases.bin: whether special tokens are added (a byte), then for each string

        flags    1: parsed = plain, 2: decoded = the string, 4: skipped = decoded
        plain    ids of the string, with typed special tokens as text
        parsed   the same with special tokens parsed, unless flag 1
        decoded  the text of `parsed`, unless flag 2
        skipped  the same without special tokens, unless flag 4

    Numbers are variable-length (seven bits a byte, the lowest first), ids and texts follow their size.
    """
    folder.mkdir(parents=True)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))  # scores may lose their last bit
    plain_tokenizer = without_special_names(tokenizer)
    special = [token for token in json.loads(tokenizer.to_str())["added_tokens"] if token["special"]]
    normalized = any(token["normalized"] for token in special)
    out = bytearray([add_special])
    for text in strings:
        parsed = tokenizer.encode(text, add_special_tokens=add_special).ids
        spelled = normalized or any(token["content"] in text for token in special)
        plain = (plain_tokenizer.encode(text, add_special_tokens=add_special).ids if spelled
                 else parsed)  # the two differ in what spells a special token
        decoded = tokenizer.decode(parsed, skip_special_tokens=False)
        skipped = tokenizer.decode(parsed, skip_special_tokens=True)
        out.append((parsed == plain) | (decoded == text) << 1 | (skipped == decoded) << 2)
        out += packed_ids(plain)
        if parsed != plain:
            out += packed_ids(parsed)
        if decoded != text:
            out += packed_text(decoded)
        if skipped != decoded:
            out += packed_text(skipped)
    (folder / "cases.bin").write_bytes(out)


def generate(out):
    strings = hard_texts.many_texts()
    assert len(strings) >= 5000
    (out / "texts.bin").write_bytes(b"".join(
        struct.pack("<I", len(data)) + data for data in (text.encode() for text in strings)))
    for name, make in (real_vocabularies.ALL | trained_tokenizers.ALL).items():
        tokenizer, add_special = make()
        write_cases(out / name, tokenizer, strings, add_special)


HERE = golden.SOURCE / "tests/golden"
golden.main(generate, inputs=[HERE / "gguf_metadata.py", HERE / "hard_texts.py", HERE / "real_vocabularies.py",
                              HERE / "trained_tokenizers.py", *real_vocabularies.files()],
            packages=["tokenizers", "sentencepiece"])
