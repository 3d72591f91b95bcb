#!/usr/bin/env python3
"""What rounding costs, one architecture after the other: how far Skep's and llama.cpp's answers are
from float32 on the tiny quantised models of the golden test.

That test holds each file's logits in float32, computed by the architecture's reference implementation
from the weights as the gguf package dequantises them. Both engines run the same files as they would
serve them. The figure is the mean KL divergence over the second halves of the prompts, in nats a token.
These models are random and small, so only ratios say something; where llama.cpp computes something else
than the original, its figure shows that, and where an expert's choice hangs on rounding, both do.

    tools/test --quick                                 makes the golden data
    tests/bench/quality/families.py
    tests/bench/quality/families.py --write            and puts it into docs/PERFORMANCE.md
"""
import argparse
import json
import pathlib
import subprocess

import quality  # goes on in the tests' virtual environment

import numpy as np  # noqa: E402

import environment  # noqa: E402
import llama_cpp_runner  # noqa: E402
import results  # noqa: E402

GOLDEN = environment.CACHE / "golden/models"
TYPES = ["Q8_0", "Q6_K", "Q4_K"]


def second_half(logits, tokens):
    return logits[len(tokens) // 2:]


def skep_logits(path, tokens):
    data = np.array(tokens, "<i4").tobytes()
    done = subprocess.run([quality.PROGRAM, path, str(len(tokens))], input=data,
                          stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, "<f4").reshape(len(tokens) - len(tokens) // 2, -1)


def llama_cpp_logits(path, tokens):
    runner = llama_cpp_runner.Runner(path, context=512)
    runner.restart()
    logits = runner.logits(tokens, len(tokens) // 2)
    runner.close()
    return logits


def divergence(path, sequences, exact, engine):
    """Nats a token over all sequences; None where the engine cannot run the file."""
    found = []
    for tokens, reference in zip(sequences, exact):
        try:
            logits = engine(path, tokens)
        except (ValueError, subprocess.CalledProcessError):
            return None
        distance = quality.Distance(second_half(reference, tokens))
        found.append(distance(logits)["kl"])
    return float(np.mean(found))


def measure(name):
    """{type: (Skep's, llama.cpp's divergence)} of the golden model `name`."""
    entry = json.loads((GOLDEN / name / "entry.json").read_text())
    sequences = [sequence["tokens"] for sequence in entry["sequences"]]
    found = {}
    for checkpoint in entry["checkpoints"]:
        if checkpoint["format"] != "gguf" or checkpoint["type"] not in TYPES:
            continue
        path = GOLDEN / checkpoint["path"]
        logits = entry["references"][checkpoint["reference"]]["logits"]
        rows = np.fromfile(GOLDEN / logits, "<f4").reshape(-1, entry["vocab_size"])
        exact = np.split(rows, np.cumsum([len(tokens) for tokens in sequences])[:-1])
        found[checkpoint["type"]] = (divergence(path, sequences, exact, skep_logits),
                                     divergence(path, sequences, exact, llama_cpp_logits))
    return found


def cells(pair):
    if pair is None:
        return ["", ""]
    skep, other = pair
    return [f"{skep:.1e}", "–" if other is None else f"{skep / other:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", help="names of golden models, separated by commas; else all")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    names = options.models.split(",") if options.models else sorted(
        folder.name for folder in GOLDEN.iterdir() if (folder / "entry.json").exists())
    rows = []
    for name in names:
        if found := measure(name):
            rows.append([name, *(cell for kind in TYPES for cell in cells(found.get(kind)))])
            print(*rows[-1], sep="\t", flush=True)
    titles = ["tiny model", *(title for kind in TYPES for title in (f"{kind}, Skep's KL", "÷ llama.cpp's"))]
    if options.write:
        results.write("tests/bench/quality/families.py", "\n".join(results.table(titles, rows)))


if __name__ == "__main__":
    main()
