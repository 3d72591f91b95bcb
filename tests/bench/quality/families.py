#!/usr/bin/env python3
"""What rounding costs, one architecture after the other: how far Skep's and llama.cpp's answers are
from float32 on the tiny quantised models of the golden test.

That test holds each file's logits in float32, computed by the architecture's reference implementation
from the weights as the gguf package dequantises them. Both engines run the same files as they would
serve them. The figure is the median over tokens of the KL divergence, in nats, in the second halves of the
prompts: the mean would be that of the one token whose expert hangs on rounding. These models are random
and small, so only ratios say something; where llama.cpp computes something else than the original, its
figure shows that.

    tools/test --quick                                 makes the golden data
    tests/bench/quality/families.py
    tests/bench/quality/families.py --write            and puts it into docs/PERFORMANCE.md
"""
import argparse
import concurrent.futures
import json
import multiprocessing
import os

import quality  # goes on in the tests' virtual environment

import numpy as np  # noqa: E402

import environment  # noqa: E402
import results  # noqa: E402

GOLDEN = environment.CACHE / "golden/models"
TYPES = ["Q8_0", "Q6_K", "Q4_K"]


def skep_logits(path, tokens):
    return quality.skep_logits(path, np.array([tokens]))[0]


def run_llama_cpp(path, tokens):
    os.environ["GGML_NO_BACKTRACE"] = "1"
    return quality.llama_cpp_logits(path, np.array([tokens]))[0]


def llama_cpp_logits(path, tokens):
    """In a process of its own: llama.cpp aborts on some of these files."""
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=fork) as pool:
        return pool.submit(run_llama_cpp, path, tokens).result()


def divergence(path, sequences, exact, engine):
    """Nats a token, the median over all sequences."""
    return float(np.median(np.concatenate([
        quality.Distance(reference[len(tokens) // 2:]).divergence(engine(path, tokens))
        for tokens, reference in zip(sequences, exact)])))


def of_llama_cpp(path, sequences, exact):
    """None where it cannot run the file."""
    try:
        return divergence(path, sequences, exact, llama_cpp_logits)
    except (ValueError, concurrent.futures.BrokenExecutor):
        return None


def measure(name):
    """{type: (Skep's, llama.cpp's divergence)} of the golden model `name`. A file that Skep cannot run
    is an error."""
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
                                     of_llama_cpp(path, sequences, exact))
    return found


def cells(pair):
    if pair is None:
        return ["", ""]
    skep, other = pair
    return [f"{skep:.1e}", f"{skep / other:.2f}" if other else "–"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", help="names of golden models, separated by commas; else all")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.models and options.write:
        parser.error("--write is for all models: --models would drop the others from the page")
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
