"""The metadata of a GGUF file. The gguf package reads them too, but takes half a minute for a
vocabulary of 262,144 pieces."""
import struct

import numpy as np

NUMBERS = {0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8", 11: "<i8",
           12: "<f8"}
STRING, ARRAY = 8, 9


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def numbers(self, kind, count):
        values = np.frombuffer(self.data, NUMBERS[kind], count, self.at)
        self.at += values.nbytes
        return values.tolist()

    def strings(self, count):
        result = []
        for _ in range(count):
            begin = self.at + 8
            self.at = begin + struct.unpack_from("<Q", self.data, self.at)[0]
            result.append(self.data[begin:self.at].decode())
        return result

    def values(self, kind, count):
        if kind == STRING:
            return self.strings(count)
        if kind != ARRAY:
            return self.numbers(kind, count)
        return [self.values(*self.numbers(4, 1), *self.numbers(10, 1)) for _ in range(count)]


def read(path):
    """Key to value: a number, a string, or a list."""
    reader = _Reader(path.read_bytes())
    magic, version, _, count = struct.unpack_from("<4sIQQ", reader.data)
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(f"{path}: no GGUF file of version 2 or 3")
    reader.at = 24
    found = {}
    for _ in range(count):
        key = reader.strings(1)[0]
        found[key] = reader.values(*reader.numbers(4, 1), 1)[0]
    return found
