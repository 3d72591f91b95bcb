#!/usr/bin/env python3
"""Runs clang-tidy on the project's sources, as the release build compiles them but for precompiled
headers: a source that does not name what it includes does not pass.

    check_tidy.py [--changed] [--jobs N] [FILE ...]

Without files: all of them; with --changed only those that differ, or include a header that differs,
from the commit where this branch left the main one (on that branch itself: from the commit before).
A file that passed is not looked at again until it, a header of ours that it includes, its flags, or
the configuration changes.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/release"
DATABASE = BUILD / "tidy/compile_commands.json"
CACHE = pathlib.Path(os.environ.get("SKEP_CACHE_DIR", pathlib.Path.home() / ".cache/skep")) / "tidy"
# Options of GCC alone are not clang's.
LEFT_OUT = re.compile(r" -Winvalid-pch| -include \S+/cmake_pch\.hxx| --param ggc\S+")
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def git(*command):
    result = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True)
    return result.stdout.split() if result.returncode == 0 else None


def changed_files():
    """Paths that differ from the base of this work; None if git cannot tell."""
    head = git("rev-parse", "HEAD")
    base = git("merge-base", "HEAD", "origin/HEAD") or git("merge-base", "HEAD", "main")
    if base and head and base == head:
        base = git("rev-parse", "HEAD~1")
    if not base:
        return None
    differing = git("diff", "--name-only", base[0])
    new = git("ls-files", "--others", "--exclude-standard")
    return None if differing is None or new is None else {ROOT / p for p in differing + new}


def own_files(path, seen=None):
    """`path` and the headers of ours that it includes, directly or not."""
    seen = set() if seen is None else seen
    if path not in seen and path.is_file():
        seen.add(path)
        for name in INCLUDE.findall(path.read_bytes()):
            own_files(ROOT / name.decode(), seen)
    return seen


def key_of(entry, version):
    digest = hashlib.sha256(version + entry["command"].encode())
    for path in [ROOT / ".clang-tidy", *sorted(own_files(pathlib.Path(entry["file"])))]:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def tidy(entry, version):
    """The complaints about one file, empty if there are none."""
    mark = CACHE / key_of(entry, version)
    if mark.exists():
        return ""
    run = subprocess.run(["clang-tidy", "--quiet", "-p", str(DATABASE.parent), entry["file"]],
                         capture_output=True, text=True)
    if run.returncode == 0:
        mark.touch()
        return ""
    return run.stdout + run.stderr


def compile_commands():
    """Those of our sources, written to DATABASE too."""
    entries = [dict(entry, command=LEFT_OUT.sub("", entry["command"]))
               for entry in json.loads((BUILD / "compile_commands.json").read_text())
               if not pathlib.Path(entry["file"]).is_relative_to(ROOT / "build")]
    DATABASE.parent.mkdir(exist_ok=True)
    DATABASE.write_text(json.dumps(entries))
    return entries


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    args = parser.parse_args()

    CACHE.mkdir(parents=True, exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    entries = compile_commands()
    if args.files:
        wanted = {p.resolve() for p in args.files}
        entries = [e for e in entries if pathlib.Path(e["file"]) in wanted]
    elif args.changed and (changed := changed_files()) is not None:
        entries = [e for e in entries if own_files(pathlib.Path(e["file"])) & changed]

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for entry, complaints in zip(entries, pool.map(lambda e: tidy(e, version), entries)):
            if complaints:
                bad += 1
                print(complaints, flush=True)
    print(f"clang-tidy: {len(entries)} files, complaints about {bad}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
