"""Where the benchmarks find things, and the Python they run with.

Everything lies under $SKEP_CACHE_DIR (~/.cache/skep); `tools/setup --bench` puts it there.
"""
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

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


def run(command):
    """The standard output of a command."""
    return run_measured(command)[0]


def run_measured(command):
    """The standard output of a command, and the peak of its resident memory in MiB."""
    command = [str(part) for part in command]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(command, stdout=output, stderr=errors)
        except OSError as error:
            raise Failed(str(error)) from error
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            said = errors.read().decode(errors="replace")[-2000:]
            raise Failed(f"{' '.join(command)}: exit {process.returncode}\n{said}")
        return output.read().decode(errors="replace"), usage.ru_maxrss / 1024


def probe_binary():
    """kernels/machine_probe.cc as a program. It needs a compiler only, so no build of Skep."""
    folder = SOURCE / "tests/bench/kernels"
    sources = [folder / "machine_probe.cc"]
    flags = ["-std=c++20", "-O3", "-pthread"]
    if platform.machine() == "x86_64":
        sources.append(folder / "peak_probe_avx512.cc")
        flags.append("-DSKEP_PEAK_PROBE")
    key = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    program = RESULTS / f"machine_probe-{key}"
    if program.exists():
        return program
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RESULTS) as work:
        objects = []
        for source in sources:
            objects.append(pathlib.Path(work) / f"{source.stem}.o")
            level = ["-march=skylake-avx512", "-mavx512vnni"] if "avx512" in source.name else []
            run(["c++", *flags, *level, "-c", source, "-o", objects[-1]])
        partial = pathlib.Path(work) / program.name
        run(["c++", *flags, *objects, "-o", partial])
        partial.rename(program)
    return program
