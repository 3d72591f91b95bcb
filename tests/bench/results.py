"""What was measured, kept as it comes; and the tables and pages made of it.

Every run of an engine is one line of JSON in $SKEP_CACHE_DIR/bench/SESSION-KIND.jsonl, so a
comparison that was interrupted goes on where it stopped and can be written up at any time:

    {"at": SECONDS, "repetition": 0, "model": NAME, "engine": NAME, "load": LOAD AVERAGE BEFORE,
     "figures": {CELL: VALUE, ...}}            or "error": TEXT instead of figures
"""
import collections
import json
import os
import platform
import re
import statistics
import sys
import time

import environment


class Log:
    """The runs of one session of a kind ("offline", "served")."""

    def __init__(self, session, kind, restart=False, retry=False):
        self.path = environment.RESULTS / f"{session}-{kind}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if restart:
            self.path.unlink(missing_ok=True)
        self.rows = []
        kept = self.path.read_text() if self.path.exists() else ""
        # Only whole lines: the last one is cut off where a program was killed while it wrote.
        for line in kept.splitlines(keepends=True):
            if line.endswith("\n"):
                self.rows.append(json.loads(line))
            else:
                print(f"{self.path}: dropping a line that was cut off", file=sys.stderr)
                self.path.write_text(kept.removesuffix(line))
        if retry:
            self.rows = [row for row in self.rows if "error" not in row]

    def add(self, **row):
        row = {"at": time.time(), **row}
        self.rows.append(row)
        with open(self.path, "a") as file:
            file.write(json.dumps(row) + "\n")

    def has(self, model, engine, repetition, cells):
        """Whether that run has figures for all the cells, or has failed."""
        found = set()
        for row in self.rows:
            if (row["model"], row["engine"], row["repetition"]) == (model, engine, repetition):
                if "error" in row:
                    return True
                found |= set(row["figures"])
        return found >= set(cells)

    def measure(self, model, engine, repetition, cells, run):
        """Runs and records, unless it is recorded already."""
        if self.has(model, engine, repetition, cells):
            return
        print(f"{time.strftime('%H:%M:%S')} {repetition + 1} {model} {engine}", file=sys.stderr)
        head = {"model": model, "engine": engine, "repetition": repetition,
                "load": os.getloadavg()[0]}
        try:
            self.add(**head, figures=run())
        except environment.Failed as error:
            print(error, file=sys.stderr)
            self.add(**head, error=str(error))

    def values(self, model, engine):
        """Lists of values by cell."""
        found = collections.defaultdict(list)
        for row in self.rows:
            if (row["model"], row["engine"]) == (model, engine):
                for cell, value in row.get("figures", {}).items():
                    found[cell].append(value)
        return found

    def medians(self, model, engine):
        return {cell: statistics.median(v) for cell, v in self.values(model, engine).items()}

    def models(self):
        return list(dict.fromkeys(row["model"] for row in self.rows))

    def span(self, model):
        """(first, last second, lowest, highest load average) of a model's runs."""
        rows = [row for row in self.rows if row["model"] == model]
        loads = [row["load"] for row in rows]
        return min(r["at"] for r in rows), max(r["at"] for r in rows), min(loads), max(loads)


def number(value):
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(values):
    """The median, and half the range as a share of it."""
    if not values:
        return "–"
    middle = statistics.median(values)
    if len(values) == 1:
        return f"{number(middle)} (1 run)"
    half = (max(values) - min(values)) / 2 / middle if middle else 0
    return f"{number(middle)} ± {half:.0%}"


def ratio(value, other):
    return f"{value / other:.2f}" if value and other else "–"


def table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def machine():
    """One line that says what it ran on."""
    cpu = platform.processor()
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            cpu = line.split(":")[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cpu}, {os.cpu_count()} processors, {memory:.0f} GiB, Linux {platform.release()}"


def probe_line(log, models=None):
    """The machine's own limits, measured between the engines' runs."""
    found = collections.defaultdict(list)
    for model in models or log.models():
        for name, values in log.values(model, "machine").items():
            found[name] += values
    if not found:
        return "The machine's limits were not measured."
    return (f"The machine's limits in between: memory read at {cell(found['gigabytes'])} GB/s, "
            f"int8 dot products at {cell(found['int8_gops'])} GOP/s.")


def write(part, text):
    """Puts `text` between the two marks of `part` in docs/PERFORMANCE.md."""
    begin, end = f"<!-- begin: {part} -->", f"<!-- end: {part} -->"
    page = environment.PAGE.read_text()
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    if not re.search(pattern, page, re.DOTALL):
        sys.exit(f"{environment.PAGE} has no '{begin}' ... '{end}'")
    page = re.sub(pattern, lambda _: f"{begin}\n{text}\n{end}", page, flags=re.DOTALL)
    environment.PAGE.write_text(page)
