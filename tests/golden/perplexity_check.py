"""Checks `skep perplexity` against llama-perplexity on the same file and text (real_model.py).

Usage: perplexity_check.py SKEP MODEL TEXT GOLDEN
"""
import json
import pathlib
import subprocess
import sys

# Both compute with 8-bit activations, rounded in different places.
TOLERANCE = 0.005


def main():
    skep, model, text, golden = sys.argv[1:]
    expected = json.loads(pathlib.Path(golden).read_text())
    output = subprocess.run([skep, "perplexity", "--model", model, "--file", text, "--context",
                             str(expected["context"]), "--json"],
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    actual = json.loads(output)
    ratio = actual["perplexity"] / expected["perplexity"]
    print(f"perplexity {actual['perplexity']:.4f} +- {actual['standard_error']:.4f}, "
          f"llama-perplexity {expected['perplexity']:.4f}: ratio {ratio:.5f}")
    if abs(ratio - 1) > TOLERANCE:
        sys.exit(f"more than {TOLERANCE:.1%} apart")
    if abs(actual["standard_error"] / expected["standard_error"] - 1) > 0.02:
        sys.exit(f"standard error {actual['standard_error']}, not {expected['standard_error']}")


if __name__ == "__main__":
    main()
