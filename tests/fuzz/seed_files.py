"""Writes seeds of the fuzz targets, and the containers that some of them are."""
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
BOOK = (HERE.parent / "data/alice.txt").read_text()[2000:42000].split("\n")


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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


def safetensors(header, data=b""):
    text = dump(header).encode()
    return struct.pack("<Q", len(text)) + text + data
