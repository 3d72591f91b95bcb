#!/usr/bin/env python3
"""From starting a server to its first token, side by side: Skep, llama-server, OpenVINO GenAI.

"First" is a start whose model file is not in the page cache, "again" the next one, whose file is.
The time is that from the start of the process until the server is ready, asked every 20 ms, and that from
sending a prompt of 32 tokens to its first answer token, after a request that is not counted. OpenVINO
GenAI, which has no server, is a Python process that loads the file and answers such a prompt with 4
tokens. The engines take turns as in
compare.py, and results are kept and written in the same way.

    tests/bench/start.py --write
    tests/bench/start.py --models smollm2 --repetitions 1
"""
import os
import time

import environment

environment.enter()

import compare  # noqa: E402
import engines  # noqa: E402
import models  # noqa: E402
import results  # noqa: E402
import servers  # noqa: E402

MODELS = ["smollm2", "llama-1b-q4_k_m", "llama-8b-q4_k_m"]
CELLS = {"first": "first start, s", "again": "second start, s"}
TITLES = {name: server.title for name, server in servers.SERVERS.items()}


def forget(path):
    """Drops a file from the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def start(engine, path, threads):
    """Seconds until the first token."""
    begin = time.monotonic()
    if engine == "openvino":
        engines.run_openvino(path, threads, 512, [])
        return time.monotonic() - begin
    with servers.SERVERS[engine](path, threads).started() as server:
        ready = time.monotonic() - begin
        return ready + server.first_token_seconds()


def measure(log, options):
    for repetition in range(options.repetitions):
        for name in options.models:
            path = models.path_of(name)
            for engine in options.engines:
                def run():
                    forget(path)
                    return {cell: start(engine, path, options.threads) for cell in CELLS}
                log.measure(name, engine, repetition, list(CELLS), run)


def text(log, threads):
    rows = []
    for name in MODELS:
        medians = {engine: log.medians(name, engine) for engine in TITLES}
        for cell, title in CELLS.items():
            others = [figures[cell] for engine, figures in medians.items()
                      if engine != "skep" and cell in figures]
            if not others and cell not in medians["skep"]:
                continue
            rows.append([models.MODELS[name].title, title]
                        + [results.cell(log.values(name, engine).get(cell, [])) for engine in TITLES]
                        + [results.ratio(medians["skep"].get(cell), min(others, default=0))])
    return "\n".join([f"{results.machine()}; {threads} threads.", ""]
                     + results.table(["model", "", *TITLES.values(), "Skep ÷ the best other"], rows))


def main():
    parser = compare.common_parser(__doc__, MODELS, MODELS, list(TITLES))
    compare.run(parser.parse_args(), "start", "tests/bench/start.py", measure, text, lambda _: None)


if __name__ == "__main__":
    main()
