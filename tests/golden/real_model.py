"""What llama.cpp makes of the default model (SmolLM2-135M-Instruct, Q4_1).

Written:

    greedy.json      {"model": file name, "top": 10, "prompts": [{"text", "tokens": [...], "prompt": n,
                     "continuation": [{"token", "margin", "top": [[id, logit], ...]}, ...]}, ...]}
                     tokens: the n tokens of the text, then llama.cpp's 32 greedy ones. Entry i of
                     `continuation` is about the position that predicts tokens[n + i]: the best token,
                     by how much its logit beats the second best, and the ten best with their logits.
    perplexity.json  {"file", "context", "perplexity", "standard_error"} of llama-perplexity
"""
import json
import re
import subprocess

import numpy as np

import golden
import llama_cpp_runner

MODEL = golden.CACHE / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
TEXT = golden.SOURCE / "tests/data/alice.txt"
PERPLEXITY = golden.CACHE / "llama.cpp/build/bin/llama-perplexity"
CONTEXT = 512
TOKENS = 32
TOP = 10
PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a small village by the sea,",
    "def fibonacci(n):\n    ",
    "The three primary colours are",
    "Water boils at a temperature of",
    "<|im_start|>user\nWhat is the largest planet?<|im_end|>\n<|im_start|>assistant\n",
    "Dear Sir or Madam,\n\nI am writing to",
    "1, 2, 3, 4, 5, 6,",
    "The mitochondria is",
    "In 1969, the first man to walk on the Moon",
    "To make a cup of tea, first",
    "#include <stdio.h>\n\nint main(void) {\n",
    "Photosynthesis is the process by which",
    "The quick brown fox jumps over the lazy dog. The lazy dog",
    "SELECT name, age FROM users WHERE",
    "Q: How many days are there in a leap year?\nA:",
    "It was the best of times, it was the worst of times,",
    "{\"name\": \"Alice\", \"age\": 30, \"city\":",
    "La capitale de l'Espagne est",
    "A haiku about the autumn wind:\n",
]


def greedy(runner, text):
    prompt = runner.tokenize(text)
    tokens, continuation = list(prompt), []
    runner.restart()
    row = runner.logits(prompt)[-1]
    for _ in range(TOKENS):
        best = np.argsort(-row, kind="stable")[:TOP]
        continuation.append({"token": int(best[0]), "margin": float(row[best[0]] - row[best[1]]),
                             "top": [[int(i), float(row[i])] for i in best]})
        tokens.append(int(best[0]))
        row = runner.logits([tokens[-1]])[-1]
    return {"text": text, "tokens": tokens, "prompt": len(prompt), "continuation": continuation}


def perplexity():
    run = subprocess.run([PERPLEXITY, "-m", MODEL, "-f", TEXT, "-c", str(CONTEXT), "-t", "1"],
                         capture_output=True, text=True, check=True)
    match = re.search(r"Final estimate: PPL = ([\d.]+) \+/- ([\d.]+)", run.stdout + run.stderr)
    if not match:
        raise ValueError(f"no estimate in the output of llama-perplexity:\n{run.stderr[-2000:]}")
    return {"file": TEXT.name, "context": CONTEXT, "perplexity": float(match[1]),
            "standard_error": float(match[2])}


def generate(out):
    runner = llama_cpp_runner.Runner(MODEL, threads=1)
    prompts = [greedy(runner, text) for text in PROMPTS]
    (out / "greedy.json").write_text(json.dumps(
        {"model": MODEL.name, "top": TOP, "prompts": prompts}))
    (out / "perplexity.json").write_text(json.dumps(perplexity()))


if __name__ == "__main__":
    golden.main(generate, inputs=[llama_cpp_runner.__file__, TEXT], packages=["numpy"])
