#!/usr/bin/env python3
"""Checks every #include against the dependency rules of docs/ARCHITECTURE.md.

CMake already keeps the project's own headers apart, each library staging only its own; the headers
of libraries that lie in system folders are visible to everything, and are checked here. Every build
runs this.

    check_layering.py [ROOT]
"""
import pathlib
import re
import sys

# Libraries by the form of their headers. What matches none is the C++ or C library, or the system.
LIBRARIES = {
    "absl": r"absl/",
    "torch": r"(ATen|c10|torch|caffe2)/",
    "cuda": r"(cuda|cublas|cudnn|nccl)",
    "json": r"nlohmann/",
    "grpc": r"grpc(pp|\+\+)?/",
    "openssl": r"openssl/",
    "protobuf": r"google/|.*\.pb\.h$",
    "prometheus": r"prometheus/",
    "civetweb": r"(civetweb\.h|CivetServer\.h)$",
    "cli11": r"CLI/",
    "spdlog": r"(spdlog|fmt)/",
    "re2": r"re2/",
    "pcre2": r"pcre2",
    "sentencepiece": r"sentencepiece",
    "test": r"(gtest|gmock|benchmark)/",
}

# Headers that nothing includes.
BANNED = {
    "regex": "std::regex recurses on its input and is slow: use RE2 or PCRE2",
    "torch/torch.h": "it takes tens of seconds a file: include what is used from ATen/",
    "torch/extension.h": "it takes tens of seconds a file: include what is used from ATen/",
    "ATen/ATen.h": "it takes ten seconds a file: include what is used, such as ATen/ops/matmul.h",
}

# The scheduler is a state machine: time is an argument, and nothing runs beside it.
CLOCKS_AND_THREADS = [
    "thread", "mutex", "shared_mutex", "condition_variable", "future", "semaphore", "latch",
    "barrier", "stop_token", "atomic", "chrono", "ctime", "time.h", "pthread.h", "absl/time/clock.h",
    "absl/synchronization/.*"]

# Folder → (libraries, folders and headers of ours that it may use, standard headers it may not).
# The longest matching folder decides; its own headers are always allowed.
RULES = {
    "scheduler": ({"absl"}, [], CLOCKS_AND_THREADS),
    "models": ({"absl", "torch", "json"}, ["models", "scheduler"], []),
    "models/runner.h": ({"absl"}, ["scheduler"], []),
    "models/load_runner.h": ({"absl"}, ["models/runner.h", "scheduler"], []),
    "models/outline.h": (set(), [], []),
    "models/weights": ({"absl", "json"}, [], []),
    "models/sampling": ({"absl"}, ["scheduler"], []),
    "models/ops": ({"absl", "torch"}, ["models/ops", "models/weights", "scheduler"], []),
    "models/ops/cpu": ({"absl"}, ["models/ops", "models/weights", "scheduler"], []),
    "models/ops/cuda": ({"absl", "torch", "cuda"}, ["models/ops", "models/weights", "scheduler"], []),
    "engine": ({"absl", "json"}, ["engine", "scheduler", "models/runner.h"], []),
    "engine/tokenizer": ({"absl", "json", "re2", "pcre2", "sentencepiece"},
                         ["engine", "models/weights", "scheduler/types.h"], []),
    "engine/chat_template": ({"absl", "json"}, ["engine"], []),
    "server": ({"absl", "json", "grpc", "openssl", "protobuf", "prometheus", "civetweb", "cli11",
                "spdlog"},
               ["server", "engine", "scheduler", "models/runner.h", "models/load_runner.h",
                "models/outline.h", "models/weights"], []),
    # Tests may look at everything; what they link decides. The fakes stay as light as the seams.
    "tests": (set(LIBRARIES) - {"cuda"}, ["tests", "scheduler", "engine", "models", "server"], []),
    "tests/fakes": ({"absl", "json", "test"}, ["tests/fakes", "scheduler", "engine",
                                               "models/runner.h"], []),
}

# Files that know one thing more than their folder, each for a reason.
EXCEPTIONS = {
    # The functions through which the CPU kernels are reached take tensors.
    "models/ops/cpu/cpu_ops.cc": {"torch"},
}

OURS = ("scheduler/", "engine/", "models/", "server/", "tests/")
SUFFIXES = {".cc", ".h", ".cu", ".cuh", ".inc"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def rule_for(path):
    folder = max((f for f in RULES if path == f or path.startswith(f + "/")), key=len)
    libraries, ours, banned = RULES[folder]
    return libraries | EXCEPTIONS.get(path, set()), [folder] + ours, banned


def library_of(header):
    for name, pattern in LIBRARIES.items():
        if re.match(pattern, header):
            return name
    return None


def fault(path, header):
    """Why `path` must not include `header`, or None."""
    if header in BANNED:
        return BANNED[header]
    libraries, ours, banned = rule_for(path)
    if any(re.fullmatch(pattern, header) for pattern in banned):
        return "this folder has no clock, threads or locks: time is an argument"
    if header.startswith(OURS):
        allowed = any(header == f or header.startswith(f + "/") for f in ours)
        return None if allowed else f"this folder may use only {', '.join(sorted(set(ours)))}"
    library = library_of(header)
    if library is not None and library not in libraries:
        return f"this folder may use only {', '.join(sorted(libraries))}"
    return None


def check(root):
    faults, count = [], 0
    for top in OURS:
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            count += 1
            name = path.relative_to(root).as_posix()
            text = path.read_text(errors="replace")
            for match in INCLUDE.finditer(text):
                reason = fault(name, match[1])
                if reason:
                    line = text.count("\n", 0, match.start(1)) + 1
                    faults.append(f"{name}:{line}: error: must not include {match[1]}: {reason}")
    return faults, count


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    faults, count = check(root)
    print("\n".join(faults) or f"layering: {count} files keep the rules")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
