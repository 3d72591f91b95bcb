"""Skep and llama.cpp side by side: same file, same machine, same run.

The two take turns (A B A B ...), one process at a time, so that a machine whose speed drifts treats
them alike; what counts is the ratio, and the figures are medians with half the range beside them.
`tools/setup --bench` builds llama.cpp's tools from the pinned source.

    tests/bench/compare_llama_cpp.py [--repetitions 3] [--threads 2] [--model FILE] [--write]

--write puts the tables into docs/PERFORMANCE.md between its two marks.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("SKEP_CACHE_DIR", pathlib.Path.home() / ".cache/skep"))
LLAMA_CPP = CACHE / "llama.cpp/build/bin"
PAGE = SOURCE / "docs/PERFORMANCE.md"
MARKS = ("<!-- begin: written by tests/bench/compare_llama_cpp.py -->",
         "<!-- end: written by tests/bench/compare_llama_cpp.py -->")

PREFILL = 512
STREAMS = [1, 4, 8, 16, 32]
PROMPT, GENERATE = 128, 32
CACHE_BYTES = 512 << 20


def run(command):
    result = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {result.returncode}\n{result.stderr[-2000:]}")
    return result.stdout


class Skep:
    name = "Skep"

    def __init__(self, binary, options):
        self.options = options
        self.common = [binary, "bench", "--json", "--model", options.model,
                       "--threads", options.threads, "--kv-cache-memory", CACHE_BYTES]

    def measure(self):
        figures = {}
        long_prompt = json.loads(run([*self.common, "--prompt-tokens", PREFILL,
                                      "--generate-tokens", 2, "--concurrency", 1]))
        figures["prefill"] = long_prompt["runs"][0]["prefill_tokens_per_second"]
        streams = json.loads(run([*self.common, "--prompt-tokens", PROMPT, "--generate-tokens",
                                  GENERATE, "--concurrency", ",".join(map(str, STREAMS))]))
        for entry in streams["runs"]:
            figures[entry["concurrency"]] = entry["decode_tokens_per_second"]
        figures["memory"] = streams["peak_rss_bytes"] / 2**20
        return figures


class LlamaCpp:
    def __init__(self, name, options, flags):
        self.name, self.options, self.flags = name, options, flags

    def measure(self):
        figures = {}
        bench = json.loads(run([LLAMA_CPP / "llama-bench", "-m", self.options.model, "-p", PREFILL,
                                "-n", 0, "-t", self.options.threads, "-r", 1, "-fa", 1, "-o",
                                "json", *(["--repack", "0"] if self.flags else [])]))
        figures["prefill"] = bench[0]["avg_ts"]
        command = [LLAMA_CPP / "llama-batched-bench", "-m", self.options.model, "-c", 16384,
                   "-npp", PROMPT, "-ntg", GENERATE, "-npl", ",".join(map(str, STREAMS)), "-t",
                   self.options.threads, "-fa", "on", *self.flags]
        for line in run(command).splitlines():
            cells = [cell.strip() for cell in line.strip("| ").split("|")]
            if len(cells) >= 8 and cells[0] == str(PROMPT):
                figures[int(cells[2])] = float(cells[7])
        return figures


def spread(values):
    middle = statistics.median(values)
    half = (max(values) - min(values)) / 2 / middle
    return f"{middle:.0f} ± {half:.0%}" if middle >= 10 else f"{middle:.2f} ± {half:.0%}"


def table(arms, results):
    rows = ["prefill", *STREAMS]
    titles = {"prefill": f"prefill, {PREFILL} tokens",
              **{n: f"decode, {n} stream{'s' if n > 1 else ''}, total" for n in STREAMS}}
    lines = ["| tok/s | " + " | ".join(arm.name for arm in arms) + " | Skep ÷ the better |",
             "|---|" + "---|" * (len(arms) + 1)]
    for row in rows:
        medians = [statistics.median(r[row] for r in results[arm.name]) for arm in arms]
        cells = [spread([r[row] for r in results[arm.name]]) for arm in arms]
        lines.append(f"| {titles[row]} | " + " | ".join(cells) +
                     f" | {medians[0] / max(medians[1:]):.2f} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path,
                        default=CACHE / "models/SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--skep", type=pathlib.Path, default=SOURCE / "build/release/skep")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()

    arms = [Skep(options.skep, options), LlamaCpp("llama.cpp", options, []),
            LlamaCpp("llama.cpp --no-repack", options, ["--no-repack"])]
    results = {arm.name: [] for arm in arms}
    for repetition in range(options.repetitions):
        for arm in arms:
            print(f"{repetition + 1}/{options.repetitions} {arm.name}", file=sys.stderr)
            results[arm.name].append(arm.measure())

    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.processor())
    load = os.getloadavg()[0]
    memory = statistics.median(r["memory"] for r in results["Skep"])
    lines = [f"`{options.model.name}`, {options.threads} threads, {options.repetitions} runs of "
             f"each in turn, {cpu}, {time.strftime('%Y-%m-%d')}, load average {load:.1f}; "
             f"prompts of {PROMPT} tokens and {GENERATE} new ones where streams decode. Skep's peak "
             f"memory: {memory:.0f} MiB, with a KV cache of {CACHE_BYTES >> 20} MiB at most.", ""]
    lines += table(arms, results)
    text = "\n".join(lines)
    print(text)
    if options.write:
        page = PAGE.read_text()
        pattern = re.escape(MARKS[0]) + ".*?" + re.escape(MARKS[1])
        PAGE.write_text(re.sub(pattern, lambda _: f"{MARKS[0]}\n{text}\n{MARKS[1]}", page,
                               flags=re.DOTALL))


if __name__ == "__main__":
    main()
