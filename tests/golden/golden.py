"""Golden data: written once by a script from pinned references, kept until its inputs change.

A script calls `golden.main(generate, inputs=[...])`. It is run as `script --out DIR`; when DIR holds
the stamp of the same script, the same inputs and the same package versions, nothing is done.
Otherwise `generate(folder)` fills a fresh folder that then takes DIR's place at once, so that an
interrupted run leaves nothing half-written behind.
"""
import argparse
import hashlib
import importlib.metadata
import os
import pathlib
import shutil
import sys
import tempfile
import time

CACHE = pathlib.Path(os.environ.get("SKEP_CACHE_DIR", pathlib.Path.home() / ".cache/skep"))
LLAMA_CPP = CACHE / "llama.cpp/vendor/llama.cpp"
SOURCE = pathlib.Path(__file__).resolve().parents[2]


def use_llama_cpp_gguf():
    """Makes `import gguf` find the copy in the llama.cpp source, which knows the newest types."""
    sys.path.insert(0, str(LLAMA_CPP / "gguf-py"))


def _key(script, inputs, packages):
    digest = hashlib.sha256()
    for path in [pathlib.Path(script), pathlib.Path(__file__), *map(pathlib.Path, inputs)]:
        digest.update(str(path.name).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for package in packages:
        digest.update(f"{package}={importlib.metadata.version(package)}".encode())
    return digest.hexdigest()


def main(generate, inputs=(), packages=(), reuse=False):
    """With `reuse`, calls generate(folder, previous): what was written before by the same packages,
    or None."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--force", action="store_true", help="write it again even if it is current")
    args = parser.parse_args()

    key = _key(sys.argv[0], inputs, packages)
    versions = " ".join(f"{package}={importlib.metadata.version(package)}" for package in packages)
    stamp, versions_stamp = args.out / "stamp", args.out / "versions"
    if not args.force and stamp.exists() and stamp.read_text() == key:
        print(f"{args.out}: current")
        return
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for left in args.out.parent.glob(args.out.name + ".*"):  # by a run that was killed
        if time.time() - left.stat().st_mtime > 3600:
            shutil.rmtree(left, ignore_errors=True)
    fresh = pathlib.Path(tempfile.mkdtemp(prefix=args.out.name + ".", dir=args.out.parent))
    try:
        if reuse:
            same = versions_stamp.exists() and versions_stamp.read_text() == versions
            generate(fresh, args.out if same and not args.force else None)
        else:
            generate(fresh)
        (fresh / "stamp").write_text(key)
        (fresh / "versions").write_text(versions)
        if args.out.exists():
            shutil.rmtree(args.out)
        fresh.rename(args.out)
    finally:
        if fresh.exists():
            shutil.rmtree(fresh)
    print(f"{args.out}: written")
