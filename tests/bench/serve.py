#!/usr/bin/env python3
"""Serving side by side: Skep over gRPC, llama-server over HTTP, OpenVINO GenAI in process.

Streams that start together send a prompt of 128 tokens each, no two alike, and read 64 new ones at
temperature 0. Clients run beside the servers on the same processors: `skep bench --target` and the
few lines of Python in llama_server.py; OpenVINO GenAI has neither client nor wire. The engines take
turns as in compare.py, and results are kept and written in the same way.

    tests/bench/serve.py --write
    tests/bench/serve.py --models smollm2 --streams 1,8 --repetitions 1
    tests/bench/serve.py --only-write

$SKEP_BINARY names another binary than build/release/skep.
"""
import time

import environment

environment.enter()

import compare  # noqa: E402
import models  # noqa: E402
import plots  # noqa: E402
import results  # noqa: E402
import servers  # noqa: E402

MODELS = ["smollm2", "llama-1b-q4_k_m"]
STREAMS = [1, 8, 32]
PICTURES = {"ttft_p99": ("served_ttft.svg", "time to first token, p99, s"),
            "itl_p99": ("served_itl.svg", "inter-token latency, p99, ms"),
            "tokens": ("served_throughput.svg", "output tok/s, all streams")}
TITLES = {name: server.title for name, server in servers.SERVERS.items()}


def measure(log, options):
    for repetition in range(options.repetitions):
        for name in options.models:
            path = models.path_of(name)
            log.measure(name, "machine", repetition, ["gigabytes"], compare.probe)
            for engine in options.engines:
                cells = [f"tokens@{n}" for n in options.streams]
                log.measure(name, engine, repetition, cells,
                            lambda: servers.SERVERS[engine](path, options.threads).measure(
                                options.streams))


def streams_in(figures):
    return sorted({int(cell.split("@")[1]) for cell in figures if "@" in cell})


def model_table(log, name):
    rows, medians = [], {engine: log.medians(name, engine) for engine in TITLES}
    peers = [engine for engine in TITLES if engine != "skep"]
    for n in sorted({n for figures in medians.values() for n in streams_in(figures)}):
        for engine, title in TITLES.items():
            values = log.values(name, engine)
            if f"tokens@{n}" in values:
                rows.append([str(n), title] + [results.cell(values.get(f"{key}@{n}", [])) for key in
                                               ("tokens", "ttft_p50", "ttft_p99", "itl_p50",
                                                "itl_p99")])
        skep = medians["skep"]
        best = [max((medians[e].get(f"tokens@{n}", 0) for e in peers), default=0),
                min((medians[e][f"ttft_p99@{n}"] for e in peers if f"ttft_p99@{n}" in medians[e]),
                    default=0)]
        rows.append([str(n), "Skep ÷ the best other", results.ratio(skep.get(f"tokens@{n}"), best[0]),
                     "", results.ratio(skep.get(f"ttft_p99@{n}"), best[1]), "", ""])
    first, last, low, high = log.span(name)
    lines = [f"### {models.MODELS[name].title}, served", "",
             f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime(first))} to "
             f"{time.strftime('%H:%M', time.gmtime(last))} UTC, load average {low:.1f} to "
             f"{high:.1f} before a run. {results.probe_line(log, [name])}", ""]
    lines += results.table(["streams", "engine", "output tok/s", "TTFT p50, s", "TTFT p99, s",
                            "ITL p50, ms", "ITL p99, ms"], rows)
    return lines + outside_step(log, name) + [""]


def outside_step(log, name):
    """What serving costs Skep beside computing."""
    values = log.values(name, "skep")
    parts = [f"{results.cell(values[f'outside@{n}'])} % at {n}"
             for n in streams_in(values) if f"outside@{n}" in values]
    if not parts:
        return []
    micros = [f"{results.cell(values[f'outside_us@{n}'])} µs a token at {n}"
              for n in streams_in(values) if f"outside_us@{n}" in values]
    return ["", "CPU time of Skep's server outside its steps, as a share of that inside: "
            + ", ".join(parts) + f" streams ({', '.join(micros)})."]


def text(log, threads):
    lines = [f"{results.machine()}; {threads} threads.", ""]
    lines += [f"![{label}]({file})" for file, label in PICTURES.values()] + [""]
    for name in models.MODELS:
        if any(log.medians(name, engine) for engine in TITLES):
            lines += model_table(log, name)
    return "\n".join(lines).rstrip()


def draw(log):
    for key, (file, label) in PICTURES.items():
        contents = []
        for name in models.MODELS:
            curves = {}
            for engine in TITLES:
                medians = log.medians(name, engine)
                curves[engine] = {n: medians[f"{key}@{n}"] for n in streams_in(medians)
                                  if f"{key}@{n}" in medians}
            if any(curves.values()):
                contents.append((models.MODELS[name].title, curves))
        if contents:
            plots.panels(file, contents, label, TITLES, logarithmic=key != "tokens")


def main():
    parser = compare.common_parser(__doc__, list(models.MODELS), MODELS, list(TITLES))
    parser.add_argument("--streams", type=lambda text: [int(n) for n in text.split(",")],
                        default=STREAMS)
    compare.run(parser.parse_args(), "served", "tests/bench/serve.py", measure, text, draw)


if __name__ == "__main__":
    main()
