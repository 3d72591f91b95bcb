"""Random valid blocks of GGML's weight types, with values that look like a model's weights.

Nothing is quantised: the bytes of a block are drawn, its scales chosen so that the decoded weights
have mean 0 and about the standard deviation that is asked for. Only the raw words of a bit
generator are used, whose sequence NumPy keeps from version to version, so the same seed gives the
same file.
"""
import zlib

import gguf
import numpy as np

STD = 0.02
_Q = gguf.GGMLQuantizationType


class Random:
    """A stream of bytes that depends on a name and a seed only."""

    def __init__(self, name, seed):
        self._generator = np.random.SFC64([zlib.crc32(name.encode()), seed])

    def bytes(self, *shape):
        count = int(np.prod(shape))
        words = self._generator.random_raw((count + 7) // 8)
        return words.view(np.uint8)[:count].reshape(shape)


def _halves(count, value):
    return np.full((count, 1), value, np.float16).view(np.uint8)


def _k_scales(count, random):
    """The 12 bytes that hold eight 6-bit scales and eight 6-bit minima; here both are the same."""
    scales = 24 + random.bytes(count, 8) % 17  # 24 ... 40, 32 on average
    low, high = scales[:, :4], scales[:, 4:]
    first = low | (high >> 4) << 6
    return np.concatenate([first, first, (high & 15) * 17], axis=1).astype(np.uint8)


def _q8_0(count, random, std):
    values = np.maximum(random.bytes(count, 32).view(np.int8), -127).view(np.uint8)
    return [_halves(count, std / 73.6), values]


def _q4_0(count, random, std):
    return [_halves(count, std / 4.6), random.bytes(count, 16)]


def _q5_0(count, random, std):
    return [_halves(count, std / 9.2), random.bytes(count, 4), random.bytes(count, 16)]


def _q4_k(count, random, std):
    scale = std / 32 / 4.6
    return [_halves(count, scale), _halves(count, 7.5 * scale), _k_scales(count, random),
            random.bytes(count, 128)]


def _q6_k(count, random, std):
    scales = (6 + random.bytes(count, 16) % 5).astype(np.uint8)  # 6 ... 10, 8 on average
    return [random.bytes(count, 128), random.bytes(count, 64), scales,
            _halves(count, std / 8 / 18.5)]


_BLOCKS = {_Q.Q8_0: _q8_0, _Q.Q4_0: _q4_0, _Q.Q5_0: _q5_0, _Q.Q4_K: _q4_k, _Q.Q6_K: _q6_k}


def floats(random, rows, columns, std=1.0):
    """Uniform values, float32 [rows, columns]."""
    step = np.float32(std * 3**0.5 / 32768)
    return random.bytes(rows, columns * 2).view(np.int16).astype(np.float32) * step


def brain_floats(random, rows, columns):
    """Uniform values as bf16 bit patterns, uint16 [rows, columns]."""
    values = floats(random, rows, columns, STD)
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def row_bytes(weight_type, columns):
    block, size = gguf.GGML_QUANT_SIZES[weight_type]
    if columns % block:
        raise ValueError(f"{weight_type.name} needs rows in multiples of {block}, got {columns}")
    return columns // block * size


def quantized(weight_type, random, rows, columns, std=STD):
    """uint8 [rows, bytes of a row]; drawn in pieces, which bounds the memory beside the result."""
    size = gguf.GGML_QUANT_SIZES[weight_type][1]
    out = np.empty((rows, row_bytes(weight_type, columns)), np.uint8)
    piece = max(1, (32 << 20) // out.shape[1])
    for begin in range(0, rows, piece):
        part = out[begin:begin + piece]
        parts = _BLOCKS[weight_type](part.size // size, random, std)
        part[:] = np.concatenate(parts, axis=1).reshape(part.shape)
    return out
