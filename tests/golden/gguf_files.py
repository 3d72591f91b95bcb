"""Small checkpoints written by the reference libraries: the gguf package, safetensors.

Beside each file or folder NAME, NAME.json lists what a reader must find: metadata and tensors (name,
type, shape outermost first, position of the bytes in data.bin, which holds all expected bytes).
"""
import json
import pathlib

import numpy as np

import golden

golden.use_llama_cpp_gguf()
import gguf  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

RNG = np.random.default_rng(7)


class Expected:
    """Collects the bytes of tensors in one file."""

    def __init__(self, out):
        self.file = open(out / "data.bin", "wb")

    def tensor(self, name, kind, shape, data):
        entry = {"name": name, "type": kind, "shape": list(shape), "begin": self.file.tell(), "bytes": len(data)}
        self.file.write(data)
        return entry


def metadata(writer):
    """Every metadata type, at its limits; returns key -> value as JSON can say it."""
    values = {
        "t.u8": ("uint8", 255), "t.i8": ("int8", -128), "t.u16": ("uint16", 65535), "t.i16": ("int16", -32768),
        "t.u32": ("uint32", 2**32 - 1), "t.i32": ("int32", -2**31), "t.f32": ("float32", 0.15625),
        "t.u64": ("uint64", 2**63 - 1), "t.i64": ("int64", -2**63), "t.f64": ("float64", 0.1),
        "t.bool": ("bool", True), "t.string": ("string", "caf\u00e9 \U0001F41D"),
    }
    for key, (kind, value) in values.items():
        getattr(writer, "add_" + kind)(key, value)
    arrays = {
        "a.int": [1, -2, 3], "a.float": [0.5, -1.25], "a.bool": [True, False, True],
        "a.string": ["", "b\u00e9e", "x" * 300], "a.nested": [[1, 2], [3], [4, 5, 6]],
    }
    for key, value in arrays.items():
        writer.add_array(key, value)
    return {**{key: value for key, (_, value) in values.items()}, **arrays}


def quantised(kind, shape):
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    return RNG.integers(0, 256, (*shape[:-1], shape[-1] // elements * size), dtype=np.uint8)


def add_tensors(writer, expected):
    entries = []
    plain = {
        "vector": ("F32", RNG.normal(size=7).astype("<f4")), "half": ("F16", RNG.normal(size=(3, 5)).astype("<f2")),
        "four": ("F32", RNG.normal(size=(2, 3, 4, 5)).astype("<f4")), "double": ("F64", RNG.normal(size=(2, 2))),
        "bytes": ("I8", RNG.integers(-128, 127, 11, dtype=np.int8)), "long": ("I64", np.array([2**62], "<i8")),
    }
    for name, (kind, data) in plain.items():
        writer.add_tensor(name, data)
        entries.append(expected.tensor(name, kind, data.shape, data.tobytes()))
    for kind, (elements, _) in gguf.GGML_QUANT_SIZES.items():
        if elements == 1:
            continue
        shape = (3, 2 * elements)
        data = quantised(kind, shape)
        name = f"q.{kind.name}.weight"
        writer.add_tensor(name, data, raw_dtype=kind)
        entries.append(expected.tensor(name, kind.name, shape, data.tobytes()))
    return entries


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_gguf(out, expected, name, alignment=None, **options):
    writer = gguf.GGUFWriter(out / f"{name}.gguf", "test", **options)
    if alignment is not None:
        writer.add_custom_alignment(alignment)
    keys = metadata(writer)
    entries = add_tensors(writer, expected)
    finish(writer)
    (out / f"{name}.json").write_text(json.dumps({"metadata": keys, "tensors": entries}))


def write_big_endian(out):
    writer = gguf.GGUFWriter(out / "big_endian.gguf", "test", endianess=gguf.GGUFEndian.BIG)
    writer.add_tensor("vector", np.ones(8, np.float32))
    finish(writer)


def write_vocabulary(out):
    """A real file without tensors, and its tokens as the reference reader sees them."""
    source = golden.LLAMA_CPP / "models/ggml-vocab-llama-spm.gguf"
    (out / "vocabulary.gguf").write_bytes(source.read_bytes())
    fields = gguf.GGUFReader(source).fields
    tokens = fields["tokenizer.ggml.tokens"]
    content = {
        "architecture": bytes(fields["general.architecture"].parts[-1]).decode(),
        "tokens": [bytes(tokens.parts[i]).decode() for i in tokens.data],
        "scores": [float(fields["tokenizer.ggml.scores"].parts[i][0]) for i in fields["tokenizer.ggml.scores"].data],
    }
    (out / "vocabulary.json").write_text(json.dumps(content))


SAFETENSORS_TYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2",
    torch.float8_e8m0fnu: "F8_E8M0", torch.int8: "I8", torch.int16: "I16",
    torch.int32: "I32", torch.int64: "I64", torch.uint8: "U8", torch.uint16: "U16", torch.uint32: "U32",
    torch.uint64: "U64", torch.bool: "BOOL",
}


def safetensors_tensors():
    tensors = {}
    for dtype, name in SAFETENSORS_TYPES.items():
        size = torch.empty(0, dtype=dtype).element_size()
        high = 2 if dtype == torch.bool else 256
        raw = RNG.integers(0, high, (3, 5 * size), dtype=np.uint8)
        tensors[f"t.{name}"] = torch.from_numpy(raw).view(dtype)
    tensors["scalar"] = torch.tensor(2.5)
    tensors["empty"] = torch.empty(0, 4)
    return tensors


def describe(expected, tensors):
    entries = []
    for name, tensor in tensors.items():
        data = tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
        entries.append(expected.tensor(name, SAFETENSORS_TYPES[tensor.dtype], tensor.shape, data))
    return {"metadata": {}, "tensors": entries}


def write_safetensors(out, expected):
    tensors = safetensors_tensors()
    save_file(tensors, out / "single.safetensors", metadata={"format": "pt"})
    (out / "single.json").write_text(json.dumps(describe(expected, tensors)))

    folder = out / "sharded"
    folder.mkdir()
    names = list(tensors)
    weight_map = {}
    for number, part in enumerate([names[:6], names[6:7], names[7:]], start=1):
        file = f"model-{number:05d}-of-00003.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file)
        weight_map.update({name: file for name in part})
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (out / "sharded.json").write_text(json.dumps(describe(expected, tensors)))


def generate(out: pathlib.Path):
    expected = Expected(out)
    write_gguf(out, expected, "plain")
    write_gguf(out, expected, "aligned", alignment=256)
    write_gguf(out, expected, "split", split_max_tensors=7)
    write_big_endian(out)
    write_vocabulary(out)
    write_safetensors(out, expected)
    expected.file.close()


if __name__ == "__main__":
    package = golden.LLAMA_CPP / "gguf-py/gguf"
    golden.main(generate, inputs=[package / "gguf_writer.py", package / "constants.py"],
                packages=["numpy", "torch", "safetensors"])
