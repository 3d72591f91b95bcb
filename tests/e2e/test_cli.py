"""The other sub-commands, as CLI.md describes them."""

import json
import math
import os
import subprocess

import pytest
from harness import pb


def skep(binary, *arguments, stdin="", code=0, environment=None):
    done = subprocess.run([binary, *arguments], input=stdin.encode(), capture_output=True,
                          timeout=120, env={**os.environ, **(environment or {})})
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode() if code == 0 else done.stderr.decode()


SMALL = ("--kv-cache-memory", "64MiB", "--context", "1024")


def test_generate(binary, model):
    answer = json.loads(skep(binary, "generate", "--model", model, *SMALL, "--prompt",
                             "The capital of France is", "--max-tokens", "8", "--temperature", "0",
                             "--logprobs", "2", "--json"))
    assert "Paris" in answer["text"]
    assert len(answer["token_ids"]) == len(answer["logprobs"]) == 8
    assert answer["finish_reason"] == "length"
    assert answer["prompt_tokens"] == 5
    plain = skep(binary, "generate", "--model", model, *SMALL, "--prompt",
                 "The capital of France is", "--max-tokens", "8", "--temperature", "0")
    assert plain == answer["text"] + "\n"


@pytest.mark.parametrize("text", ["", "Hello world", " leading\n\n", "naïve 東京 🐝\n"])
def test_tokenize_and_detokenize(binary, model, text):
    ids = skep(binary, "tokenize", "--model", model, "--no-special", stdin=text)
    assert skep(binary, "detokenize", "--model", model, stdin=ids) == text


def test_template(binary, model, tmp_path):
    messages = tmp_path / "messages.json"
    messages.write_text(json.dumps([{"role": "user", "content": "hi"}]))
    text = skep(binary, "template", "--model", model, "--messages", str(messages))
    assert text.endswith("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    other = tmp_path / "other.jinja"
    other.write_text("{{ bos_token }}{{ messages[0].content }}{{ mood }}")
    assert skep(binary, "template", "--template", str(other), "--messages", str(messages), "--bos",
                "<b>", "--kwargs", '{"mood": "!"}') == "<b>hi!"


def test_inspect(binary, model):
    about = json.loads(skep(binary, "inspect", "--model", model, "--json"))
    assert about["architecture"] == "llama" and about["format"] == "gguf"
    assert about["supported"] is True
    assert about["parameters"] == sum(
        math.prod(tensor["shape"]) for tensor in about["tensors"])
    assert about["metadata"]["llama.block_count"] == 30
    assert "Q4_1" in about["quantization"]


def test_perplexity(binary, model, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("Alice was beginning to get very tired of sitting by her sister on the bank, "
                    "and of having nothing to do. " * 6)
    result = json.loads(skep(binary, "perplexity", "--model", model, "--file", str(text),
                             "--context", "32", "--json"))
    assert 1 < result["perplexity"] < 100
    assert result["standard_error"] > 0
    assert result["tokens"] % 15 == 0  # 32 - 16 - 1 a window


def test_bench(binary, model, server):
    shape = ("--prompt-tokens", "16", "--generate-tokens", "8", "--concurrency", "1,3", "--json")
    for where in (("--model", model, *SMALL), ("--target", server.target)):
        result = json.loads(skep(binary, "bench", *where, *shape))
        assert [run["concurrency"] for run in result["runs"]] == [1, 3]
        for run in result["runs"]:
            assert run["decode_tokens_per_second"] > 0
            assert run["ttft_seconds"]["p99"] >= run["ttft_seconds"]["p50"] > 0


def test_chat(binary, server):
    question = "What is the capital of France?"
    chat = pb.GenerateRequest(chat=pb.ChatPrompt(
        messages=[pb.ChatMessage(role="user", content=question)]))
    chat.sampling.temperature = 0
    chat.stopping.max_tokens = 16
    printed = skep(binary, "chat", "--target", server.target, "--max-tokens", "16",
                   "--temperature", "0", stdin=question + "\n")
    assert printed == server.stub.Generate(chat).outputs[0].text + "\n"


def test_exit_codes(binary, model, tmp_path):
    assert skep(binary, "--version").startswith("skep ")
    overview = skep(binary, "--help")
    for command in ("serve", "generate", "chat", "tokenize", "detokenize", "template", "inspect",
                    "perplexity", "bench"):
        assert command in overview
    assert "--max-tokens" in skep(binary, "generate", "--help")
    skep(binary, code=2)
    skep(binary, "no-such-command", code=2)
    skep(binary, "tokenize", code=2)
    skep(binary, "serve", "--model", model, "--no-such-flag", "1", code=2)
    missing = skep(binary, "inspect", "--model", str(tmp_path / "none.gguf"), code=1)
    assert "none.gguf" in missing


def test_configuration(binary, model, tmp_path):
    config = tmp_path / "skep.json"
    config.write_text('{"no-such-option": 1}')
    message = skep(binary, "serve", "--config", str(config), code=2)
    assert "no-such-option" in message
    message = skep(binary, "serve", "--model", model, environment={"SKEP_THRAEDS": "2"}, code=2)
    assert "thraeds" in message
