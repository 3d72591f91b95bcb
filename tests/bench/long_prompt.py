#!/usr/bin/env python3
"""What a long prompt does to the streams that are being answered.

Eight streams of one `skep bench` generate 256 tokens each from short prompts; in the second run another client sends prompts of 2,000 tokens, one after the other, for as
long as they last. `--max-step-ms` bounds a step, so the streams' inter-token latency should stay below
twice that. Results are kept and written as those of compare.py.

    tests/bench/long_prompt.py --write
    tests/bench/long_prompt.py --models smollm2 --repetitions 1
"""
import concurrent.futures
import statistics

import environment

environment.enter()

import compare  # noqa: E402
import models  # noqa: E402
import results  # noqa: E402
import servers  # noqa: E402

MODELS = ["smollm2", "llama-1b-q4_k_m"]
STREAMS, PROMPT, GENERATE, LONG_PROMPT = 8, 32, 256, 2000
MAX_STEP_MS = 250
ENGINES = {"alone": "alone", "beside": f"beside prompts of {LONG_PROMPT} tokens"}


def disturb(server, streams):
    """Sends long prompts until the streams have ended; each one's seconds to its first token."""
    seconds = []
    while not streams.done():
        seconds.append(server.bench(LONG_PROMPT, 2, 1)["ttft_seconds"]["p50"])
    return seconds


def measure_once(path, threads, beside):
    with servers.Skep(path, threads, ["--max-step-ms", MAX_STEP_MS]).started() as server, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        streams = pool.submit(server.bench, PROMPT, GENERATE, STREAMS)
        long_prompts = disturb(server, streams) if beside else []
        run = streams.result()
    figures = {"itl_p50": 1e3 * run["itl_seconds"]["p50"], "itl_p99": 1e3 * run["itl_seconds"]["p99"]}
    if long_prompts:
        figures |= {"prompts": len(long_prompts), "ttft": statistics.median(long_prompts)}
    return figures


def measure(log, options):
    for repetition in range(options.repetitions):
        for name in options.models:
            path = models.path_of(name)
            for engine in options.engines:
                log.measure(name, engine, repetition, ["itl_p99"],
                            lambda: measure_once(path, options.threads, engine == "beside"))


def text(log, threads):
    rows = []
    for name in MODELS:
        for engine, title in ENGINES.items():
            if values := log.values(name, engine):
                rows.append([models.MODELS[name].title, title]
                            + [results.cell(values.get(cell, []))
                               for cell in ("itl_p50", "itl_p99", "prompts", "ttft")])
    return "\n".join([f"{results.machine()}; {threads} threads; {STREAMS} streams; "
                      f"--max-step-ms {MAX_STEP_MS}, so the bound is {2 * MAX_STEP_MS} ms.", ""]
                     + results.table(["model", "", "ITL p50, ms", "ITL p99, ms", "long prompts",
                                      "their TTFT, s"], rows))


def main():
    parser = compare.common_parser(__doc__, MODELS, MODELS, list(ENGINES))
    compare.run(parser.parse_args(), "long_prompt", "tests/bench/long_prompt.py", measure, text,
                lambda _: None)


if __name__ == "__main__":
    main()
