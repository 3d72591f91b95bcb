"""The GGUF files of a tiny model (models.py): llama.cpp's converter and ggml's quantiser, and what
their rounding makes of the model's values."""
import contextlib
import ctypes
import io
import json
import re
import shutil
import sys

import numpy as np
import torch

import golden

golden.use_llama_cpp_gguf()
sys.path.insert(0, str(golden.LLAMA_CPP))
import gguf  # noqa: E402
from conversion import get_model_class  # noqa: E402
from conversion.base import TextModel  # noqa: E402


def convert(spec, folder, out, file_type, **options):
    """Runs llama.cpp's converter on a SafeTensors folder."""
    if spec.for_converter:
        changed = folder.with_name(folder.name + "-for-converter")
        shutil.copytree(folder, changed, dirs_exist_ok=True)
        path = changed / "config.json"
        config = json.loads(path.read_text()) | spec.for_converter
        path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
        folder = changed
    # It knows pre-tokenisers by a hash of what they make of a fixed text; ours is GPT-2's.
    TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
    # It looks for GLM's special tokens, which the tiny tokenisers do not have.
    TextModel._set_vocab_glm = TextModel._set_vocab_gpt2
    config = json.loads((folder / "config.json").read_text())
    model_class = get_model_class(config["architectures"][0])
    if spec.plain_vocabulary:
        model_class.set_vocab = TextModel._set_vocab_gpt2
    with torch.inference_mode(), contextlib.redirect_stdout(io.StringIO()):
        writer = model_class(folder, file_type, out, eager=True, **options)
        modify = writer.modify_tensors

        def modify_all(*tensor):  # StableLM's returns a generator where it should yield from it
            yield from (yield from modify(*tensor)) or ()

        writer.modify_tensors = modify_all
        writer.write()


class Quantizer:
    """ggml's own quantiser, from the library of the llama.cpp build."""

    def __init__(self):
        library = ctypes.CDLL(str(golden.CACHE / "llama.cpp/build/bin/libggml-base.so"))
        self._chunk = library.ggml_quantize_chunk
        self._chunk.restype = ctypes.c_size_t
        self._chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64,
                                ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]

    def __call__(self, values, kind):
        *shape, columns = values.shape
        values = np.ascontiguousarray(values, np.float32).reshape(-1, columns)
        rows = len(values)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        out = np.zeros((rows, columns // block * size), np.uint8)
        importance = np.ones(columns, np.float32)  # some types cannot do without
        written = self._chunk(int(kind), values.ctypes.data, out.ctypes.data, 0, rows, columns,
                              importance.ctypes.data)
        if written != out.nbytes:
            raise ValueError(f"{kind.name}: {written} bytes written, expected {out.nbytes}")
        return out.reshape(*shape, -1)


def fits(columns, kind):
    return columns % gguf.GGML_QUANT_SIZES[kind][0] == 0


# What llama.cpp's converter leaves in float32 under every type: GGUF's names, and Hugging Face's.
KEPT_IN_GGUF = r"ffn_gate_inp|position_embd|attn_sinks|(norm|bias)(\.weight)?$"
KEPT = (r"(mlp|block_sparse_moe)\.(gate|router)\.|router\.(layer\.)?weight|shared_expert_gate"
        r"|(wpe|sinks|norm|bias)(\.weight)?$")


def write_like(reader, out, tensors, changed=(), dropped=()):
    """Writes the GGUF file `out`: the metadata of `reader`, with other values of the keys in `changed`
    and without those `dropped`; and `tensors`, (name, data, type; None: the data's own)."""
    changed = dict(changed)
    writer = gguf.GGUFWriter(out, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name in ("general.architecture", *dropped) or field.name.startswith("GGUF."):
            continue
        is_array = field.types[0] == gguf.GGUFValueType.ARRAY
        writer.add_key_value(field.name, changed.get(field.name, field.contents()), field.types[0],
                             sub_type=field.types[-1] if is_array else None)
    for name, data, kind in tensors:
        writer.add_tensor(name, np.ascontiguousarray(data), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantize(source, out, kind, quantizer):
    """Writes the GGUF file `source` again with every matrix of type `kind`."""
    reader = gguf.GGUFReader(source)

    def tensors():
        for tensor in reader.tensors:
            values = tensor.data
            kept = re.search(KEPT_IN_GGUF, tensor.name) or not fits(values.shape[-1], kind)
            if values.ndim == 1 or kept:
                yield tensor.name, values, None
            else:
                yield tensor.name, quantizer(values, kind), kind

    write_like(reader, out, tensors())


def rounded_state(spec, model, kind, quantizer):
    """The state dict with every matrix rounded as GGUF's `kind` rounds it. All that the converter
    does to a matrix, beside transposing some, moves whole rows, and rows are quantised alone."""
    def round_rows(rows):
        if not fits(rows.shape[-1], kind):
            return rows
        blocks = quantizer(rows.numpy(), kind)
        return torch.from_numpy(gguf.quants.dequantize(blocks, kind).reshape(rows.shape))

    state = {}
    for name, values in model.state_dict().items():
        if spec.rounded and (rounded := spec.rounded(name, values, round_rows)) is not None:
            state[name] = rounded.contiguous()
            continue
        kept = any(re.search(pattern, name) for pattern in (KEPT, *spec.kept))
        transposed = any(re.search(pattern, name) for pattern in spec.transposed)
        if values.dim() > 1 and not kept:
            rows = round_rows(values.transpose(-1, -2) if transposed else values)
            values = rows.transpose(-1, -2) if transposed else rows
        state[name] = values.contiguous()
    return state
