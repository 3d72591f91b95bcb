"""OpenVINO GenAI's continuous batching in a process of its own; engines.py and serve.py start it.

    openvino_worker.py '{"model": PATH, "threads": 2, "batch_tokens": 4096, "cache_gib": 1,
                         "runs": [{"streams": 8, "prompt": 128, "generate": 64}, ...]}'

Prints a JSON object: seconds to load, and for each run the figures of streams.py. The device's
properties are its defaults, but for the number of threads.
"""
import json
import os
import sys
import time

import numpy as np
import openvino
import openvino_genai

import streams


class Engine:
    def __init__(self, options):
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = options["cache_gib"]
        scheduler.max_num_seqs = 64
        scheduler.max_num_batched_tokens = options["batch_tokens"]
        scheduler.dynamic_split_fuse = True
        scheduler.enable_prefix_caching = False
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(
            options["model"], scheduler, "CPU", {"INFERENCE_NUM_THREADS": options["threads"]})
        self.requests = 0

    def submit(self, tokens, generate):
        config = openvino_genai.GenerationConfig(max_new_tokens=generate, ignore_eos=True,
                                                 do_sample=False)
        ids = openvino.Tensor(np.array([tokens], np.int64))
        self.requests += 1
        return self.pipeline.add_request(self.requests, ids, config)

    def run(self, count, prompt, generate):
        """`count` streams that start together, to their ends."""
        live, traces = [], []
        for i in range(count):
            tokens = streams.prompt(1000 * count + i, prompt)
            traces.append(streams.Stream())
            live.append((traces[i], self.submit(tokens, generate)))
        while live:
            self.pipeline.step()
            for trace, handle in live:
                while handle.can_read():
                    trace.add(sum(len(o.generated_ids) for o in handle.read().values()))
            live = [(trace, handle) for trace, handle in live if trace.tokens < generate]
        return traces


def figures(engine, run):
    traces = engine.run(run["streams"], run["prompt"], run["generate"])
    found = {"streams": run["streams"], **streams.served(traces)}
    if run["generate"] > 1:
        found["decode_tokens_per_second"] = streams.decode_rate(traces)
    else:
        found["prefill_tokens_per_second"] = run["prompt"] / found["ttft_seconds"]["p50"]
    return found


def main():
    options = json.loads(sys.argv[1])
    start = time.monotonic()
    engine = Engine(options)
    loaded = time.monotonic() - start
    engine.run(1, 32, 4)  # not counted, as in skep bench
    runs = [figures(engine, run) for run in options["runs"]]
    print(json.dumps({"load_seconds": loaded, "runs": runs}), flush=True)
    os._exit(0)  # its destructors have been seen to hang


if __name__ == "__main__":
    main()
