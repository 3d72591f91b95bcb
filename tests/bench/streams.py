"""Streams of tokens: their prompts, when their tokens came, and the figures made of that.

The figures are computed as `skep bench` computes its own, so that they can stand beside each other.
"""
import math
import random
import time


class Stream:
    """One request, from now on. `arrivals` holds (time, how many tokens came together)."""

    def __init__(self):
        self.start = time.monotonic()
        self.arrivals = []

    def add(self, tokens):
        if tokens > 0:
            self.arrivals.append((time.monotonic(), tokens))

    @property
    def tokens(self):
        return sum(tokens for _, tokens in self.arrivals)


def prompt(seed, tokens):
    """Random ids that every model here has; special tokens come first in their vocabularies."""
    generator = random.Random(seed)
    return [generator.randrange(1000, 40000) for _ in range(tokens)]


def quantile(values, share):
    """Nearest rank."""
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1] if values else 0.0


def percentiles(values):
    return {"p50": quantile(values, 0.5), "p99": quantile(values, 0.99)}


def intervals(stream):
    """Between tokens; k that came together after a pause count as k intervals of a k-th of it."""
    found = []
    for (before, _), (now, tokens) in zip(stream.arrivals, stream.arrivals[1:]):
        found += [(now - before) / tokens] * tokens
    return found


def decode_rate(streams):
    """Tokens a second of all streams from when the last of them has its first token."""
    begin = max(stream.arrivals[0][0] for stream in streams)
    end = max(stream.arrivals[-1][0] for stream in streams)
    tokens = sum(count for s in streams for at, count in s.arrivals if at > begin)
    return tokens / (end - begin)


def served(streams):
    start = min(stream.start for stream in streams)
    end = max(stream.arrivals[-1][0] for stream in streams)
    return {
        "tokens_per_second": sum(stream.tokens for stream in streams) / (end - start),
        "ttft_seconds": percentiles([s.arrivals[0][0] - s.start for s in streams]),
        "itl_seconds": percentiles([gap for s in streams for gap in intervals(s)]),
    }
