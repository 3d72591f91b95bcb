"""Blocks of every tensor type with their values, from gguf.quants (torch for FP8).

For each type NAME: NAME.blocks (raw bytes) and NAME.f32 (the values, little-endian float32). Types that
gguf.quants does not read (Q8_1 and Q8_K, Q1_0, Q2_0) come from the formulas of ggml-common.h,
written out below in NumPy.
"""
import pathlib

import numpy as np

import golden

golden.use_llama_cpp_gguf()
import gguf  # noqa: E402
import torch  # noqa: E402
from gguf.quants import dequantize  # noqa: E402

RANDOM_BLOCKS = 48

# Offsets of the f16 fields of a block: its scales and minima.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q8_1": [0, 2],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "IQ1_S": [0],
    "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64], "Q1_0": [0], "Q2_0": [0],
}
# Zeros, the least and the largest subnormal, the least normal, one, the largest, infinity, NaN.
EXTREME_HALVES = np.array(
    [s | h for h in (0x0000, 0x0001, 0x03FF, 0x0400, 0x3C00, 0x7BFF, 0x7C00, 0x7E00)
     for s in (0x0000, 0x8000)], dtype="<u2")


def random_blocks(rng, count, size):
    return rng.integers(0, 256, (count, size), dtype=np.uint8)


def set_half(blocks, name, field, bits):
    """Puts `bits` (one a block) into the given f16 field."""
    if name == "IQ1_M":  # its nibbles are the tops of four u16
        scales = blocks[:, 48:56].copy().view("<u2") & 0x0FFF
        for i in range(4):
            scales[:, i] |= ((bits >> (4 * i)) & 15) << 12
        blocks[:, 48:56] = scales.view(np.uint8)
    else:
        offset = HALVES[name][field]
        blocks[:, offset:offset + 2] = bits.astype("<u2").reshape(-1, 1).view(np.uint8)


def with_halves(rng, name, fields, size):
    """Random codes under ordinary scales, then under every pair of extreme ones."""
    parts = []
    ordinary = random_blocks(rng, RANDOM_BLOCKS, size)
    for field in range(fields):
        values = rng.normal(0, 0.02, RANDOM_BLOCKS).astype("<f2")
        set_half(ordinary, name, field, values.view("<u2"))
    parts.append(ordinary)
    grid = np.stack(np.meshgrid(*[EXTREME_HALVES] * fields), -1).reshape(-1, fields)
    extreme = random_blocks(rng, len(grid), size)
    for field in range(fields):
        set_half(extreme, name, field, grid[:, field])
    parts.append(extreme)
    return parts


def with_scale_bytes(rng, name, size):
    """MXFP4 and NVFP4: every value of the one-byte scales."""
    blocks = random_blocks(rng, 256, size)
    for offset in range(1 if name == "MXFP4" else 4):
        blocks[:, offset] = np.roll(np.arange(256, dtype=np.uint8), offset)
    return [blocks]


def with_float32(rng, size):
    """Q8_K, whose scale is a float32."""
    blocks = random_blocks(rng, 12, size)
    scales = [0.0, -0.0, 1e-45, 1.17549435e-38, 0.37, -2.5e-3, 3.4e38, -3.4e38, np.inf, -np.inf, np.nan, 1]
    blocks[:, 0:4] = np.array(scales, "<f4").reshape(-1, 1).view(np.uint8)
    return [blocks]


def blocks_of(rng, name, elements, size):
    parts = [random_blocks(rng, RANDOM_BLOCKS, size),
             np.zeros((1, size), np.uint8), np.full((1, size), 255, np.uint8)]
    if name in ("MXFP4", "NVFP4"):
        parts += with_scale_bytes(rng, name, size)
    elif name == "Q8_K":
        parts += with_float32(rng, size)
    else:
        parts += with_halves(rng, name, len(HALVES.get(name, [0])), size)
    return np.concatenate(parts)


def plain_blocks(rng, name, size):
    """Every value of the small types; random bits and the limits of the others."""
    if size == 1:
        return np.arange(256, dtype=np.uint8).reshape(-1, 1) if name != "BOOL" else np.array([[0], [1]], np.uint8)
    if size == 2:
        return np.arange(65536, dtype="<u2").reshape(-1, 1).view(np.uint8)
    parts = [random_blocks(rng, 4096, size), np.zeros((1, size), np.uint8), np.full((1, size), 255, np.uint8)]
    if name in ("F32", "F64"):
        info = np.finfo("<f4")
        values = [0.0, -0.0, np.inf, -np.inf, np.nan, info.tiny, info.smallest_subnormal, info.max, info.min, 0.1, 1 / 3]
        parts.append(np.array(values, f"<f{size}").reshape(-1, 1).view(np.uint8))
    else:
        dtype = np.dtype(f"<{name[0].lower()}{size}")
        info = np.iinfo(dtype)
        # Around 2^24 float32 begins to round.
        values = [info.min, info.max, info.max - 1, 2**24 + 1, 2**24 + 3, 1, 2**25 + 2]
        parts.append(np.array(values, dtype).reshape(-1, 1).view(np.uint8))
    return np.concatenate(parts)


FLOAT8 = {"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
          "F8_E8M0": torch.float8_e8m0fnu}


def plain_values(name, blocks):
    if name in ("F32", "F16", "BF16"):
        return dequantize(blocks, gguf.GGMLQuantizationType[name])
    if name in FLOAT8:
        return torch.from_numpy(blocks.copy()).view(FLOAT8[name]).float().numpy()
    dtype = {"F64": "<f8", "BOOL": "u1"}.get(name) or f"<{name[0].lower()}{blocks.shape[1]}"
    return blocks.view(dtype).astype(np.float32)


def half(blocks, offset):
    return blocks[:, offset:offset + 2].copy().view("<f2").astype(np.float32)


def by_formula(name, blocks):
    if name == "Q8_1":
        return half(blocks, 0) * blocks[:, 4:36].view(np.int8).astype(np.float32)
    if name == "Q8_K":
        return blocks[:, 0:4].copy().view("<f4") * blocks[:, 4:260].view(np.int8).astype(np.float32)
    if name == "Q1_0":
        bits = np.unpackbits(blocks[:, 2:18], axis=1, bitorder="little")
        return np.where(bits == 1, half(blocks, 0), -half(blocks, 0))
    if name == "Q2_0":
        codes = (blocks[:, 2:18, None] >> np.array([0, 2, 4, 6], np.uint8)) & 3
        return half(blocks, 0) * (codes.reshape(len(blocks), 64).astype(np.float32) - 1)
    raise ValueError(name)


def block_values(name, blocks):
    if name in ("Q8_1", "Q8_K", "Q1_0", "Q2_0"):
        return by_formula(name, blocks)
    return dequantize(blocks, gguf.GGMLQuantizationType[name])


def write(out, name, blocks, values):
    (out / f"{name}.blocks").write_bytes(np.ascontiguousarray(blocks).tobytes())
    (out / f"{name}.f32").write_bytes(np.ascontiguousarray(values, dtype="<f4").tobytes())


def generate(out: pathlib.Path):
    rng = np.random.default_rng(20260101)
    with np.errstate(all="ignore"):
        for kind, (elements, size) in gguf.GGML_QUANT_SIZES.items():
            name = kind.name
            if elements == 1:
                blocks = plain_blocks(rng, name, size)
                write(out, name, blocks, plain_values(name, blocks))
            else:
                blocks = blocks_of(rng, name, elements, size)
                write(out, name, blocks, block_values(name, blocks))
        for name, size in [*((name, 1) for name in FLOAT8), ("U8", 1), ("U16", 2), ("U32", 4), ("U64", 8), ("BOOL", 1)]:
            blocks = plain_blocks(rng, name, size)
            write(out, name, blocks, plain_values(name, blocks))


if __name__ == "__main__":
    package = golden.LLAMA_CPP / "gguf-py/gguf"
    golden.main(generate, inputs=[package / "quants.py", package / "constants.py"], packages=["numpy", "torch"])
