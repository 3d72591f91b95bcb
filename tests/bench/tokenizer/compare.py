"""Skep's tokenizer and Hugging Face's, side by side on one thread: same tokenizer.json, same texts, in
turn (A B A B ...), so that a machine whose speed drifts treats them alike. What counts is the ratio.

    ninja tokenizer_bench
    tests/bench/tokenizer/compare.py BUILD/tests/bench/tokenizer/tokenizer_bench [--repetitions 9]
        [--tokenizer llama-bpe] [--text NAME=FILE ...]

Reads the data set tokenizer_json (ctest -R golden_tokenizer_json writes it).
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import Tokenizer  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("SKEP_CACHE_DIR", pathlib.Path.home() / ".cache/skep"))


def texts(named):
    """English prose, code, and the hard strings, a megabyte or so each."""
    result = {"English": (SOURCE / "tests/data/alice.txt").read_text(),
              "code": "".join(path.read_text() for path in sorted((SOURCE / "engine").rglob("*.cc")))}
    data = (CACHE / "golden/tokenizer_json/texts.bin").read_bytes()
    at, hard = 0, []
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "little")
        hard.append(data[at + 4:at + 4 + size].decode())
        at += 4 + size
    result["hard strings"] = "\n".join(hard)
    for name, _, path in (item.partition("=") for item in named):
        result[name] = pathlib.Path(path).read_text()
    return {name: text * max(1, 1_000_000 // max(1, len(text))) for name, text in result.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("--tokenizer", default="llama-bpe")
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--text", action="append", default=[])
    args = parser.parse_args()
    folder = CACHE / "golden/tokenizer_json" / args.tokenizer
    library = Tokenizer.from_file(str(folder / "tokenizer.json"))
    library.encode_special_tokens = True
    with tempfile.TemporaryDirectory() as scratch:
        named = texts(args.text)
        paths = []
        for i, text in enumerate(named.values()):
            paths.append(pathlib.Path(scratch, f"{i}.txt"))
            paths[-1].write_text(text, newline="")
        skep = subprocess.Popen([args.bench, folder, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True)
        seconds = {name: ([], []) for name in named}
        for repetition in range(args.repetitions + 1):
            for name, text in named.items():
                skep.stdin.write("\n")
                skep.stdin.flush()
                ours, count = skep.stdout.readline().split()
                begin = time.perf_counter()
                encoding = library.encode(text, add_special_tokens=False)
                theirs = time.perf_counter() - begin
                if len(encoding.ids) != int(count):
                    sys.exit(f"{name}: {count} tokens, the library has {len(encoding.ids)}")
                if repetition > 0:  # the first one warms both
                    seconds[name][0].append(float(ours))
                    seconds[name][1].append(theirs)
        skep.stdin.close()
        skep.wait()
    print(f"{args.tokenizer}, one thread, medians of {args.repetitions} in turn")
    for name, (ours, theirs) in seconds.items():
        size = len(named[name].encode()) / 1e6
        ratio = statistics.median(b / a for a, b in zip(ours, theirs))
        print(f"  {name:14} {size:5.1f} MB  Skep {size / statistics.median(ours):7.1f} MB/s  "
              f"library {size / statistics.median(theirs):6.1f} MB/s  ratio {ratio:5.1f}")


main()
