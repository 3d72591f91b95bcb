#!/usr/bin/env python3
"""What rounding costs, one block type after the other: how far Skep's and llama.cpp's answers are
from those of the same weights in float32.

The real SmolLM2-135M is quantised anew to each type, by ggml. Its rows of 576 do not fit the blocks
of 256 that many types have, so it is first widened to 768 with zeros, in a way that does not change
what it computes (see widen()). Of each file, dequantised by the gguf package, llama.cpp computes in
float32 (a float32 KV cache too) what the weights mean; then both engines run the quantised file as
they would serve it, with a KV cache of 16 bits. Per token of the windows' second halves:

    KL        divergence of the engine's next-token distribution from the float32 one, in nats
    best      how often the most likely token is another

    tools/setup --test && tools/build release -DSKEP_TESTS=ON
    tests/bench/quality/quality.py                     all types: an hour on two cores
    tests/bench/quality/quality.py --types Q4_0,Q6_K
    tests/bench/quality/quality.py --write             docs/PERFORMANCE.md from what was measured
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(SOURCE / "tests/golden")]

import environment  # noqa: E402

TEST_PYTHON = environment.CACHE / "venv/bin/python"
if pathlib.Path(sys.prefix) != TEST_PYTHON.parents[1]:
    os.execv(TEST_PYTHON, [str(TEST_PYTHON), *sys.argv])

import numpy as np  # noqa: E402

import llama_cpp_runner  # noqa: E402
import results  # noqa: E402
from gguf_forms import Quantizer, gguf, write_like  # noqa: E402

TEXT = SOURCE / "tests/data/alice.txt"
PROGRAM = pathlib.Path(os.environ.get("SKEP_WINDOW_LOGITS",
                                      SOURCE / "build/release/tests/bench/quality/window_logits"))
LOG = environment.RESULTS / "quality.jsonl"
WINDOW = 512
TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
         "IQ4_XS", "MXFP4", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "TQ1_0",
         "TQ2_0", "BF16", "F16"]
NARROW, WIDE = 576, 768  # of hidden states
HEAD, HEADS, KV_HEADS, WIDE_HEADS = 64, 9, 3, 12


def widen(name, values):
    """A tensor of the widened model: zeros where there was nothing, and a fourth query head for each
    of the three key heads that adds nothing. The mean of squares is taken over more numbers then, so
    norms are scaled (and their epsilon, in write())."""
    def head_rows(rows):
        groups = rows.reshape(KV_HEADS, HEADS // KV_HEADS, HEAD, -1)
        return np.pad(groups, ((0, 0), (0, 1), (0, 0), (0, 0))).reshape(WIDE_HEADS * HEAD, -1)

    if values.ndim == 1:
        return np.pad(values * np.sqrt(NARROW / WIDE), (0, WIDE - NARROW)).astype(np.float32)
    if "attn_q." in name:
        values = head_rows(values)
    if "attn_output" in name:
        values = head_rows(values.T).T
        return np.pad(values, ((0, WIDE - NARROW), (0, 0)))
    if "ffn_down" in name:
        return np.pad(values, ((0, WIDE - NARROW), (0, 0)))
    return np.pad(values, ((0, 0), (0, WIDE - NARROW)))


def read_model(path):
    """The widened model's metadata, as GGUF fields with changed values, and tensors in float32."""
    reader = gguf.GGUFReader(path)
    changed = {"llama.embedding_length": WIDE, "llama.attention.head_count": WIDE_HEADS}
    eps = "llama.attention.layer_norm_rms_epsilon"
    changed[eps] = reader.get_field(eps).contents() * NARROW / WIDE
    tensors = {tensor.name: widen(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type))
               for tensor in reader.tensors}
    return reader, changed, tensors


def write_model(path, model, tensors):
    """`tensors`: name to (bytes, type)."""
    reader, changed, _ = model
    write_like(reader, path, ((name, data, kind) for name, (data, kind) in tensors.items()), changed)


def llama_cpp_logits(path, windows, float_cache=False):
    """[window, second half of its tokens, vocabulary]"""
    window = windows.shape[1]
    runner = llama_cpp_runner.Runner(path, context=max(window, 256), float_cache=float_cache)
    rows = []
    for tokens in windows:
        runner.restart()
        rows.append(runner.logits(tokens.tolist(), window // 2))
    runner.close()
    return np.stack(rows)


def skep_logits(path, windows, *options):
    """As llama_cpp_logits."""
    window = windows.shape[1]
    done = subprocess.run([PROGRAM, path, str(window), *options], input=windows.astype("<i4").tobytes(),
                          stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, "<f4").reshape(len(windows), window - window // 2, -1)


class Distance:
    """Of logits from those in float32."""

    def __init__(self, exact):
        self.exact = llama_cpp_runner.log_softmax(exact)
        self.best = self.exact.argmax(axis=-1)

    def divergence(self, logits):
        """In nats, for each token."""
        other = llama_cpp_runner.log_softmax(logits[..., :self.exact.shape[-1]])
        return (np.exp(self.exact) * (self.exact - other)).sum(axis=-1)

    def __call__(self, logits):
        divergence = self.divergence(logits)
        best = logits[..., :self.exact.shape[-1]].argmax(axis=-1)
        return {"kl": float(divergence.mean()), "error": float(divergence.std() / divergence.size ** 0.5),
                "other_best": float((best != self.best).mean())}


def measure(model, kind, windows, folder, quantizer):
    """How far both engines are from float32 on a file whose matrices are of type `kind`."""
    quantised, exact = {}, {}
    float32 = gguf.GGMLQuantizationType.F32
    for name, values in model[2].items():
        if values.ndim == 1:
            quantised[name] = exact[name] = (values, float32)
            continue
        data = quantizer(values, kind)
        quantised[name] = (data, kind)
        exact[name] = (gguf.quants.dequantize(data, kind).astype(np.float32), float32)
    file, exact_file = folder / "quantised.gguf", folder / "exact.gguf"
    write_model(file, model, quantised)
    write_model(exact_file, model, exact)
    del quantised, exact
    distance = Distance(llama_cpp_logits(exact_file, windows, float_cache=True))
    found = {"skep": distance(skep_logits(file, windows)),
             "llama.cpp": distance(llama_cpp_logits(file, windows)),
             "reference": distance(skep_logits(exact_file, windows, "--ops=reference",
                                               "--kv-cache-type=f32"))}
    file.unlink()
    exact_file.unlink()
    return found


def rows_of(log):
    latest = {row["type"]: row for row in map(json.loads, log.read_text().splitlines())}
    for kind in sorted(latest, key=TYPES.index):
        row = latest[kind]
        skep, other = row["skep"], row["llama.cpp"]
        yield [kind, f"{skep['kl']:.6f} ± {skep['error']:.6f}", f"{other['kl']:.6f} ± {other['error']:.6f}",
               f"{skep['kl'] / other['kl']:.2f}", f"{skep['other_best']:.1%}", f"{other['other_best']:.1%}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--windows", type=int, default=4, help="of 512 tokens")
    parser.add_argument("--write", action="store_true", help="only write what was measured")
    options = parser.parse_args()
    if not options.write:
        folder = environment.RESULTS / "quality"
        folder.mkdir(parents=True, exist_ok=True)
        smollm2 = environment.CACHE / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
        tokens = llama_cpp_runner.Runner(smollm2, context=64).tokenize(TEXT.read_text())
        windows = np.array(tokens[:options.windows * WINDOW]).reshape(-1, WINDOW)
        model, quantizer = read_model(smollm2), Quantizer()
        for kind in options.types.split(","):
            row = {"type": kind, "windows": options.windows,
                   **measure(model, gguf.GGMLQuantizationType[kind], windows, folder, quantizer)}
            with LOG.open("a") as log:
                log.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    titles = ["type", "Skep, KL", "llama.cpp, KL", "ratio", "Skep, other best", "llama.cpp, other best"]
    text = "\n".join(results.table(titles, rows_of(LOG)))
    if options.write:
        results.write("tests/bench/quality/quality.py", text)
    else:
        print(text)


if __name__ == "__main__":
    main()
