"""The engines measured in their own process, without a server: Skep, llama.cpp, OpenVINO GenAI.

measure(model, path, cells) runs one once and returns figures by cell: "prefill" (tokens a second of
one prompt of PREFILL tokens) and numbers of streams ("8": tokens a second of all together while
they decode), and "memory", the peak of the resident set in MiB.
"""
import json
import pathlib

import environment

PREFILL = 512
STREAMS = [1, 4, 8, 16, 32]
CELLS = ["prefill", *map(str, STREAMS)]
CACHE_GIB = 1
# Prompts of all streams fit one step, as in llama-batched-bench: decoding starts for all together.
BATCH_TOKENS = 4096


def streams_of(cells):
    return [int(cell) for cell in cells if cell != "prefill"]


class Skep:
    title = "Skep"

    def __init__(self, threads):
        self.common = [environment.SKEP, "bench", "--json", "--threads", threads,
                       "--kv-cache-memory", f"{CACHE_GIB}GiB"]

    def measure(self, model, path, cells):
        figures, common = {"memory": 0}, [*self.common, "--model", path]
        if "prefill" in cells:
            # Twice, the second counts: llama-bench, too, reads the prompt once before.
            self._run(figures, [*common, "--prompt-tokens", PREFILL, "--generate-tokens", 2,
                                "--concurrency", "1,1"],
                      lambda runs: {"prefill": runs[-1]["prefill_tokens_per_second"]})
        if streams := streams_of(cells):
            self._run(figures, [*common, "--prompt-tokens", model.prompt, "--generate-tokens",
                                model.generate, "--max-batch-tokens", BATCH_TOKENS,
                                "--concurrency", ",".join(map(str, streams))],
                      lambda runs: {str(run["concurrency"]): run["decode_tokens_per_second"]
                                    for run in runs})
        return figures

    def _run(self, figures, command, read):
        output, memory = environment.run_measured(command)
        figures.update(read(json.loads(output)["runs"]))
        figures["memory"] = max(figures["memory"], memory)


class LlamaCpp:
    def __init__(self, threads, repack=True):
        self.title = "llama.cpp" if repack else "llama.cpp --no-repack"
        self.threads, self.repack = threads, repack

    def measure(self, model, path, cells):
        figures, streams = {"memory": 0}, streams_of(cells)
        if "prefill" in cells or 1 in streams:
            figures.update(self._bench(model, path, "prefill" in cells, 1 in streams))
        if streams:
            for cell, rate in self._batched(model, path, streams, figures).items():
                # One stream is measured by both programs: the better counts.
                figures[cell] = max(rate, figures.get(cell, 0))
        return figures

    def _bench(self, model, path, prefill, decode):
        command = [environment.LLAMA_CPP / "llama-bench", "-m", path, "-p", PREFILL * prefill, "-n",
                   model.generate * decode, "-t", self.threads, "-r", 1, "-fa", 1, "-o", "json"]
        output, memory = environment.run_measured(
            command + ([] if self.repack else ["--repack", 0]))
        figures = {"memory": memory}
        for entry in json.loads(output):
            figures["prefill" if entry["n_prompt"] else "1"] = entry["avg_ts"]
        return figures

    def _batched(self, model, path, streams, figures):
        context = 256 * -(-max(streams) * (model.prompt + model.generate) // 256)
        command = [environment.LLAMA_CPP / "llama-batched-bench", "-m", path, "-c", context, "-npp",
                   model.prompt, "-ntg", model.generate, "-npl", ",".join(map(str, streams)), "-t",
                   self.threads, "-fa", "on", "--output-format", "jsonl"]
        output, memory = environment.run_measured(
            command + ([] if self.repack else ["--no-repack"]))
        figures["memory"] = max(figures["memory"], memory)
        rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        return {str(row["pl"]): row["speed_tg"] for row in rows}


class OpenVino:
    title = "OpenVINO GenAI"

    def __init__(self, threads):
        self.threads = threads

    def measure(self, model, path, cells):
        one_prompt = {"streams": 1, "prompt": PREFILL, "generate": 1}
        runs = [one_prompt, one_prompt] if "prefill" in cells else []
        runs += [{"streams": n, "prompt": model.prompt, "generate": model.generate}
                 for n in streams_of(cells)]
        result, memory = run_openvino(path, self.threads, BATCH_TOKENS, runs)
        figures = {"memory": memory}
        for run in result["runs"]:
            if "prefill_tokens_per_second" in run:
                figures["prefill"] = run["prefill_tokens_per_second"]
            else:
                figures[str(run["streams"])] = run["decode_tokens_per_second"]
        return figures


def run_openvino(path, threads, batch_tokens, runs):
    """What openvino_worker.py prints, and its peak memory in MiB."""
    worker = pathlib.Path(__file__).with_name("openvino_worker.py")
    options = {"model": str(path), "threads": threads, "batch_tokens": batch_tokens,
               "cache_gib": CACHE_GIB, "runs": runs}
    output, memory = environment.run_measured(
        [environment.PYTHON, worker, json.dumps(options)])
    return json.loads(output.splitlines()[-1]), memory


def make(name, threads):
    return {
        "skep": lambda: Skep(threads),
        "llama.cpp": lambda: LlamaCpp(threads),
        "llama.cpp-no-repack": lambda: LlamaCpp(threads, repack=False),
        "openvino": lambda: OpenVino(threads),
    }[name]()


ENGINES = ["skep", "llama.cpp", "llama.cpp-no-repack", "openvino"]
TITLES = {name: make(name, 1).title for name in ENGINES}
