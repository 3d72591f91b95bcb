"""What llama.cpp makes of the default model (SmolLM2-135M-Instruct, Q4_1).

Written:

    greedy.json      {"model": file name, "top": 10, "prompts": [{"text", "tokens": [...], "prompt": n,
                     "continuation": [{"token", "margin", "top": [[id, logit], ...]}, ...]}, ...]}
                     tokens: the n tokens of the text, then llama.cpp's 32 greedy ones. Entry i of
                     `continuation` is about the position that predicts tokens[n + i]: the best token,
                     by how much its logit beats the second best, and the ten best with their logits.
    perplexity.json  {"file", "context", "perplexity", "standard_error"} as llama-perplexity counts
"""
import json

import numpy as np

import golden
import llama_cpp_runner

MODEL = golden.CACHE / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
TEXT = golden.SOURCE / "tests/data/alice.txt"
CONTEXT = 512
# What the pinned llama.cpp's llama-perplexity, which takes as long to build as the library, says:
# `llama-perplexity -m MODEL -f TEXT -c 512 -t 1`. It decodes several windows at once.
LLAMA_PERPLEXITY = {"perplexity": 18.1361, "standard_error": 0.49268}
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


def losses(runner, window):
    """Negative log-likelihoods of the second half of a window, but for its first token."""
    runner.restart()
    rows = llama_cpp_runner.log_softmax(runner.logits(window, CONTEXT // 2)[:-1])
    return -rows[np.arange(len(rows)), window[CONTEXT // 2 + 1:]]


def perplexity(runner):
    tokens = runner.tokenize(TEXT.read_text())
    windows = [tokens[i:i + CONTEXT] for i in range(0, len(tokens) - CONTEXT + 1, CONTEXT)]
    if runner.bos is not None:
        windows = [[runner.bos, *window[1:]] for window in windows]
    values = np.concatenate([losses(runner, window) for window in windows])
    mean = np.exp(values.mean())
    found = {"perplexity": float(mean),
             "standard_error": float(mean * values.std() / np.sqrt(len(values) - 1))}
    for name, value in found.items():
        if abs(value / LLAMA_PERPLEXITY[name] - 1) > 0.001:
            raise ValueError(f"{name} {value}: llama-perplexity says {LLAMA_PERPLEXITY[name]}")
    return {"file": TEXT.name, "context": CONTEXT, **found}


def generate(out):
    runner = llama_cpp_runner.Runner(MODEL, threads=1)
    prompts = [greedy(runner, text) for text in PROMPTS]
    (out / "greedy.json").write_text(json.dumps(
        {"model": MODEL.name, "top": TOP, "prompts": prompts}))
    (out / "perplexity.json").write_text(json.dumps(perplexity(runner)))


if __name__ == "__main__":
    golden.main(generate, inputs=[llama_cpp_runner.__file__, TEXT], packages=["numpy"])
