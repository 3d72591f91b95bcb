"""Where the benchmarks find things, and the Python they run with.

Everything lies under $SKEP_CACHE_DIR (~/.cache/skep); `tools/setup --bench` puts it there.
"""
import os
import pathlib
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("SKEP_CACHE_DIR", pathlib.Path.home() / ".cache/skep"))
PYTHON = CACHE / "bench-venv/bin/python"
LLAMA_CPP = CACHE / "llama.cpp/build/bin"
SKEP = pathlib.Path(os.environ.get("SKEP_BINARY", SOURCE / "build/release/skep"))
RESULTS = CACHE / "bench"
PAGE = SOURCE / "docs/PERFORMANCE.md"


def enter():
    """Goes on in the benchmarks' own virtual environment."""
    if pathlib.Path(sys.prefix) == PYTHON.parents[1]:
        return
    if not PYTHON.exists():
        sys.exit(f"{PYTHON} is not there; run tools/setup --bench")
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Failed(Exception):
    """A program that was measured failed; the text says which and how."""


def run(command, timeout=3600):
    """The standard output of a command."""
    command = [str(part) for part in command]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                errors="replace", timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from error
    if result.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit {result.returncode}\n{result.stderr[-2000:]}")
    return result.stdout
