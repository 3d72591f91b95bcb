#!/usr/bin/env python3
"""Skep, llama.cpp and OpenVINO GenAI side by side: same files, same machine, same run.

The engines take turns (A B C A B C ...), one process at a time, so that a machine whose speed
drifts treats them alike. Figures are medians; ± is half the range as a share of the median. What
was measured is kept after every run: the same command goes on where an interrupted one stopped.

    tools/setup --bench && tools/build release
    tests/bench/compare.py                        everything: hours on two cores
    tests/bench/compare.py --models smollm2 --cells prefill,1,8 --repetitions 1
    tests/bench/compare.py --only-write           docs/PERFORMANCE.md from what there is

$SKEP_BINARY names another binary than build/release/skep.
"""
import argparse
import json
import subprocess
import sys
import time

import environment

environment.enter()

import engines  # noqa: E402
import models  # noqa: E402
import plots  # noqa: E402
import results  # noqa: E402

ROWS = {"prefill": f"prefill, {engines.PREFILL} tokens",
        **{str(n): f"decode, {n} stream{'s' if n > 1 else ''}" for n in engines.STREAMS},
        "memory": "peak memory, MiB"}
PICTURE = "throughput.svg"


def probe():
    """What memory and processors give at this moment; see kernels/machine_probe.cc."""
    found = json.loads(environment.run([environment.probe_binary()]))
    return {"gigabytes": found["read_gb_per_second"], "int8_gops": found["int8_gops"]}


def measure(log, options):
    chosen = {name: engines.make(name, options.threads) for name in options.engines}
    for repetition in range(options.repetitions):
        for name in options.models:
            model, path = models.MODELS[name], models.path_of(name)
            log.measure(name, "machine", repetition, ["gigabytes"], probe)
            for engine_name, engine in chosen.items():
                log.measure(name, engine_name, repetition, options.cells,
                            lambda: engine.measure(model, path, options.cells))


def best(figures, cell):
    return max((f.get(cell, 0) for f in figures), default=0)


def model_table(log, name):
    model = models.MODELS[name]
    medians = {engine: log.medians(name, engine) for engine in engines.ENGINES}
    measured = [engine for engine in engines.ENGINES if medians[engine]]
    values = {engine: log.values(name, engine) for engine in measured}
    rows = []
    for cell, title in ROWS.items():
        if not any(cell in medians[engine] for engine in measured):
            continue
        row = [title] + [results.cell(values[engine].get(cell, [])) for engine in measured]
        if cell == "memory":
            row += ["", "", ""]
        else:
            skep = medians["skep"].get(cell)
            either = [medians["llama.cpp"], medians["llama.cpp-no-repack"]]
            row += [results.ratio(skep, medians["llama.cpp"].get(cell)),
                    results.ratio(skep, best(either, cell)),
                    results.ratio(skep, medians["openvino"].get(cell))]
        rows.append(row)
    titles = ["tok/s"] + [engines.TITLES[engine] for engine in measured]
    titles += ["Skep ÷ llama.cpp", "÷ its better", "÷ OpenVINO"]
    first, last, low, high = log.span(name)
    runs = max(len(v) for engine in measured for v in values[engine].values())
    failed = sorted({engines.TITLES[row["engine"]] for row in log.rows
                     if row["model"] == name and "error" in row and row["engine"] in engines.TITLES})
    lines = [f"### {model.title}", "",
             f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime(first))} to "
             f"{time.strftime('%H:%M', time.gmtime(last))} UTC, up to {runs} runs of each, load "
             f"average {low:.1f} to {high:.1f} before a run; where streams decode, prompts of "
             f"{model.prompt} tokens and {model.generate} new ones. "
             + results.probe_line(log, [name])
             + (f" Could not run it: {', '.join(failed)}." if failed else ""), ""]
    return lines + results.table(titles, rows) + [""]


def text(log, threads):
    names = [name for name in models.MODELS if name in log.models()]
    lines = [f"{results.machine()}; {threads} threads.", "",
             f"![Tokens a second of all streams over their number]({PICTURE})", ""]
    for name in names:
        if any(log.medians(name, engine) for engine in engines.ENGINES):
            lines += model_table(log, name)
    return "\n".join(lines).rstrip()


def draw(log):
    contents = []
    for name in models.MODELS:
        curves = {}
        for engine in engines.ENGINES:
            medians = log.medians(name, engine)
            curves[engine] = {n: medians[str(n)] for n in engines.STREAMS if str(n) in medians}
        if any(curves.values()):
            contents.append((models.MODELS[name].title, curves))
    if contents:
        plots.panels(PICTURE, contents, "tok/s, all streams", engines.TITLES)


def choice(known):
    def parse(value):
        chosen = value.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is not one of {', '.join(known)}")
        return chosen
    return parse


def common_parser(description, all_models, default_models, all_engines):
    """The options of every comparison."""
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=choice(all_models), default=default_models)
    parser.add_argument("--engines", type=choice(all_engines), default=all_engines)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--session", default="latest", help="name of the file of results")
    parser.add_argument("--restart", action="store_true", help="forget that session's results")
    parser.add_argument("--retry", action="store_true", help="run again what failed")
    parser.add_argument("--write", action="store_true", help="put them into docs/PERFORMANCE.md")
    parser.add_argument("--only-write", action="store_true", help="and measure nothing")
    return parser


def run(options, kind, script, measure_all, make_text, draw_all):
    """Measures, prints the page and puts it into the document, as the options say."""
    log = results.Log(options.session, kind, options.restart, options.retry)
    if not options.only_write:
        measure_all(log, options)
    page = make_text(log, options.threads)
    print(page)
    if options.write or options.only_write:
        draw_all(log)
        results.write(script, page)


def main():
    names = list(models.MODELS)
    parser = common_parser(__doc__, names, names, engines.ENGINES)
    parser.add_argument("--cells", type=choice(engines.CELLS), default=engines.CELLS)
    run(parser.parse_args(), "offline", "tests/bench/compare.py", measure, text, draw)


if __name__ == "__main__":
    main()
