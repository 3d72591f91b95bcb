"""The servers of serve.py. Each is started anew for a run and stopped after it.

SERVERS[name](path, threads).measure(streams) returns figures by "WHAT@STREAMS": tokens a second in
all ("tokens"), "ttft_p50" and "ttft_p99" in seconds, "itl_p50" and "itl_p99" in milliseconds; for
Skep also CPU time outside the steps: "outside" in percent of that inside, "outside_us" in
microseconds a token; and "memory", the server's peak in MiB.
"""
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import urllib.request

import engines
import environment
import llama_server

PROMPT, GENERATE = 128, 64
MOST_STREAMS = 64


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def figures_of(run, streams, tokens_per_second):
    return {f"tokens@{streams}": tokens_per_second,
            f"ttft_p50@{streams}": run["ttft_seconds"]["p50"],
            f"ttft_p99@{streams}": run["ttft_seconds"]["p99"],
            f"itl_p50@{streams}": 1e3 * run["itl_seconds"]["p50"],
            f"itl_p99@{streams}": 1e3 * run["itl_seconds"]["p99"]}


def get(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.read().decode()


@contextlib.contextmanager
def started(command, ready_url, seconds=1200):
    """Runs a server; yields its process when `ready_url` answers."""
    command = [str(part) for part in command]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + seconds
            while True:
                with contextlib.suppress(OSError):
                    get(ready_url)
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    output.seek(0)
                    said = output.read().decode(errors="replace")[-2000:]
                    raise environment.Failed(f"{' '.join(command)}: did not start\n{said}")
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def peak_memory(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+)", status)[1]) / 1024


def thread_seconds(process):
    """CPU seconds by thread."""
    found = {}
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            # Nanoseconds; the times in `stat` go by hundredths of a second.
            found[task.name] = int((task / "schedstat").read_text().split()[0]) * 1e-9
    return found


class Skep:
    title = "Skep, gRPC"

    def __init__(self, path, threads, options=()):
        self.threads = threads
        self.grpc, self.metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.command = [environment.SKEP, "serve", "--model", path, "--threads", threads,
                        "--kv-cache-memory", f"{engines.CACHE_GIB}GiB", "--max-sequences",
                        MOST_STREAMS, "--grpc-address", self.grpc, "--metrics-address",
                        self.metrics, *options]

    @contextlib.contextmanager
    def started(self):
        """Yields this server, running and ready; its process is `process`."""
        with started(self.command, f"http://{self.metrics}/readyz") as self.process:
            yield self

    def bench(self, prompt, generate, streams):
        """What `skep bench` says of so many streams at the running server."""
        return json.loads(environment.run(
            [environment.SKEP, "bench", "--json", "--target", self.grpc, "--prompt-tokens", prompt,
             "--generate-tokens", generate, "--concurrency", streams]))["runs"][0]

    def first_token_seconds(self):
        return self.bench(32, 2, 1)["ttft_seconds"]["p50"]

    def measure(self, streams):
        figures = {}
        with self.started():
            process = self.process
            for n in streams:
                before = self._costs(process)
                run = self.bench(PROMPT, GENERATE, n)
                figures.update(figures_of(run, n, run["requests_per_second"] * GENERATE))
                figures.update(self._outside(before, self._costs(process), n))
            figures["memory"] = peak_memory(process)
        return figures

    def _costs(self, process):
        """(CPU seconds by thread, seconds of steps, tokens generated), all since the start."""
        metrics = get(f"http://{self.metrics}/metrics")

        def value(name):
            found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)", metrics, re.MULTILINE)
            return float(found[1]) if found else 0.0

        return (thread_seconds(process), value("skep_step_seconds_sum"),
                value("skep_generation_tokens_total"))

    def _outside(self, before, after, n):
        """CPU time that is not spent in steps.

        The threads that compute are those that are busiest. The others are outside; so is what the
        thread that runs the steps needs beyond their duration. What a step spends waiting counts as
        inside, so with processors that others use, too, the share comes out too small.
        """
        spent = sorted((seconds - before[0].get(thread, 0) for thread, seconds in after[0].items()),
                       reverse=True)
        compute, others = spent[:self.threads], sum(spent[self.threads:])
        steps, tokens = after[1] - before[1], after[2] - before[2]
        if not steps or not tokens:
            return {}
        beyond = max(0.0, compute[0] - steps)
        outside, inside = others + beyond, sum(compute) - beyond
        return {f"outside@{n}": 100 * outside / inside,
                f"outside_us@{n}": 1e6 * outside / tokens}


class LlamaServer:
    title = "llama-server, HTTP"

    def __init__(self, path, threads):
        self.port = free_port()
        self.command = [environment.LLAMA_CPP / "llama-server", "-m", path, "-t", threads, "-c",
                        8192, "--parallel", 32, "-fa", "on", "--host", "127.0.0.1", "--port",
                        self.port]

    @contextlib.contextmanager
    def started(self):
        with started(self.command, f"http://127.0.0.1:{self.port}/health") as self.process:
            yield self

    def warm(self):
        llama_server.load(self.port, 1, 32, 4)  # not counted, as in skep bench

    def first_token_seconds(self):
        self.warm()
        return llama_server.load(self.port, 1, 32, 2)["ttft_seconds"]["p50"]

    def measure(self, streams):
        figures = {}
        with self.started():
            process = self.process
            self.warm()
            for n in streams:
                run = llama_server.load(self.port, n, PROMPT, GENERATE)
                figures.update(figures_of(run, n, run["tokens_per_second"]))
            figures["memory"] = peak_memory(process)
        return figures


class OpenVino:
    title = "OpenVINO GenAI, in process"

    def __init__(self, path, threads):
        self.path, self.threads = path, threads

    def measure(self, streams):
        runs = [{"streams": n, "prompt": PROMPT, "generate": GENERATE} for n in streams]
        result, memory = engines.run_openvino(self.path, self.threads, 512, runs)
        figures = {"memory": memory}
        for n, run in zip(streams, result["runs"]):
            figures.update(figures_of(run, n, run["tokens_per_second"]))
        return figures


SERVERS = {"skep": Skep, "llama-server": LlamaServer, "openvino": OpenVino}
