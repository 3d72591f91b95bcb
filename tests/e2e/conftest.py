"""Fixtures: stubs generated from the repository's proto files, and running servers."""

import os
import pathlib
import sys

import pytest

SOURCE = pathlib.Path(os.environ.get("SKEP_SOURCE_DIR", pathlib.Path(__file__).parents[2]))


def pytest_configure(config):
    """Generates the stubs before any test module imports them."""
    import tempfile

    from grpc_tools import protoc

    out = tempfile.TemporaryDirectory(prefix="skep-stubs-")
    config.add_cleanup(out.cleanup)
    include = pathlib.Path(protoc.__file__).parent / "_proto"
    code = protoc.main([
        "protoc", f"-I{SOURCE / 'proto'}", f"-I{include}", f"--python_out={out.name}",
        f"--grpc_python_out={out.name}", "skep/v1/inference.proto"
    ])
    assert code == 0, "protoc failed"
    sys.path.insert(0, out.name)
    sys.path.insert(0, str(pathlib.Path(__file__).parent))


@pytest.fixture(scope="session")
def binary():
    path = os.environ.get("SKEP_BINARY")
    assert path and os.path.exists(path), "SKEP_BINARY must name the skep command"
    return path


@pytest.fixture(scope="session")
def model():
    cache = pathlib.Path(os.environ.get("SKEP_CACHE_DIR", pathlib.Path.home() / ".cache/skep"))
    path = cache / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert path.exists(), f"{path}: run tools/setup --test"
    return str(path)


@pytest.fixture(scope="session")
def server(binary, model):
    """One server for all tests that leave it as they found it."""
    from harness import Server

    with Server(binary, model, "--max-sequences", "64", "--max-waiting", "256") as running:
        yield running
