"""The other sub-commands, as CLI.md describes them."""

import json
import math
import os
import pathlib
import struct
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


def test_tokenize_options(binary):
    """Of a GGUF file that has a vocabulary and no tensors: Llama 3's."""
    cache = pathlib.Path(os.environ.get("SKEP_CACHE_DIR", pathlib.Path.home() / ".cache/skep"))
    vocabulary = str(cache / "llama.cpp/vendor/llama.cpp/models/ggml-vocab-llama-bpe.gguf")
    begin, turn_end = 128000, 128009
    text = "Hi<|eot_id|>"

    def ids(*options):
        printed = skep(binary, "tokenize", "--model", vocabulary, *options, stdin=text)
        assert printed.endswith("\n") and printed.count("\n") == 1
        return [int(word) for word in printed.split(" ")]

    assert ids()[0] == begin and turn_end not in ids()
    assert ids("--no-special") == ids()[1:]
    assert ids("--parse-special") == [begin, *ids("--no-special")[:1], turn_end]
    assert json.loads(skep(binary, "tokenize", "--model", vocabulary, "--json", stdin=text)) == {
        "token_ids": ids()}
    listed = " ".join(map(str, ids("--parse-special")))
    detokenize = ("detokenize", "--model", vocabulary)
    assert skep(binary, *detokenize, stdin=listed) == "<|begin_of_text|>" + text
    assert skep(binary, *detokenize, "--skip-special", stdin=listed) == "Hi"
    assert "'x' is no token id" in skep(binary, *detokenize, stdin="1 x", code=1)


def test_what_a_tokenizer_leaves_out_is_said(binary, tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps({
        "truncation": {"max_length": 2}, "added_tokens": [],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "a"}}))
    done = subprocess.run([binary, "tokenize", "--model", str(tmp_path)], input=b"a b a b",
                          capture_output=True, check=True)
    assert done.stdout == b"0 1 0 1\n"
    assert done.stderr == b"skep: note: truncation is left out: texts keep their length\n"


def test_template(binary, model, tmp_path):
    messages = tmp_path / "messages.json"
    messages.write_text(json.dumps([{"role": "user", "content": "hi"}]))
    text = skep(binary, "template", "--model", model, "--messages", str(messages))
    assert text.endswith("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    other = tmp_path / "other.jinja"
    other.write_text("{{ bos_token }}{{ messages[0].content }}{{ mood }}")
    assert skep(binary, "template", "--template", str(other), "--messages", str(messages), "--bos",
                "<b>", "--kwargs", '{"mood": "!"}') == "<b>hi!"


def test_template_options(binary, tmp_path):
    messages = tmp_path / "messages.json"
    messages.write_text(json.dumps([{"role": "user", "content": "hi"},
                                    {"role": "assistant", "content": "so"}]))
    tools = tmp_path / "tools.json"
    tools.write_text('[{"name": "f", "n": 1.0}]')
    source = tmp_path / "t.jinja"
    source.write_text("{{ bos_token }}{{ tools | tojson }}{% for m in messages %}|{{ m.content }}"
                      "{% endfor %}{{ eos_token }}{% if add_generation_prompt %}>{% endif %}"
                      "{{ strftime_now('%Y') }}{{ x }}")
    base = ("template", "--template", str(source), "--messages", str(messages), "--now", "0")
    assert skep(binary, *base) == "null|hi|so>1970"
    assert skep(binary, *base, "--tools", str(tools), "--no-generation-prompt", "--bos", "<s>",
                "--eos", "</s>", "--kwargs", '{"x": [1, "é"]}') == (
                    '<s>[{"name": "f", "n": 1.0}]|hi|so</s>1970[1, \'é\']')
    assert skep(binary, *base, "--continue-final-message") == "null|hi|so"
    spans = json.loads(skep(binary, *base, "--json"))
    assert spans["text"] == "null|hi|so>1970" and spans["literal_spans"] == [[5, 7], [8, 10]]
    source.write_text("a\n {{ 1 + }}")
    assert "line 2, column" in skep(binary, *base, code=1)
    assert "--kwargs" in skep(binary, *base, "--kwargs", "[1]", code=2)
    skep(binary, "template", "--messages", str(messages), code=2)


def gguf_with(texts):
    """A GGUF file of strings alone."""
    string = lambda text: struct.pack("<Q", len(text.encode())) + text.encode()
    entries = b"".join(string(k) + struct.pack("<I", 8) + string(v) for k, v in texts.items())
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(texts)) + entries


@pytest.mark.parametrize("kind", ["list", "object", "files", "gguf"])
def test_named_templates(binary, tmp_path, kind):
    named = {"default": "plain", "tool_use": "tools", "rag": "rag"}
    folder = path = tmp_path / "model"
    folder.mkdir()
    if kind == "gguf":
        path = folder / "model.gguf"
        path.write_bytes(gguf_with({"general.architecture": "llama", **{
            "tokenizer.chat_template" + ("" if k == "default" else f".{k}"): v
            for k, v in named.items()}}))
    elif kind == "files":
        (folder / "additional_chat_templates").mkdir()
        for name, text in named.items():
            place = "chat_template" if name == "default" else f"additional_chat_templates/{name}"
            (folder / f"{place}.jinja").write_text(text)
    else:
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": (
            named if kind == "object" else
            [{"name": k, "template": v} for k, v in named.items()])}))
    messages, tools = tmp_path / "messages.json", tmp_path / "tools.json"
    messages.write_text('[{"role": "user", "content": "hi"}]')
    tools.write_text("[]")
    base = ("template", "--model", str(path), "--messages", str(messages), "--bos", "", "--eos", "")
    assert skep(binary, *base) == "plain"
    assert skep(binary, *base, "--tools", str(tools)) == "tools"
    assert skep(binary, *base, "--name", "rag") == "rag"
    assert "default, rag, tool_use" in skep(binary, *base, "--name", "none", code=1)


def test_inspect(binary, model):
    about = json.loads(skep(binary, "inspect", "--model", model, "--json"))
    assert about["architecture"] == "llama" and about["format"] == "gguf"
    assert about["supported"] is True
    assert about["parameters"] == sum(
        math.prod(tensor["shape"]) for tensor in about["tensors"])
    assert about["metadata"]["llama.block_count"] == 30
    assert "Q4_1" in about["quantization"]


def safetensors_with(tensors):
    """A SafeTensors file of zeros: (type, bytes of an element, shape) by name."""
    header, at = {}, 0
    for name, (kind, size, shape) in tensors.items():
        end = at + size * math.prod(shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


def test_inspect_counts_what_packed_codes_stand_for(binary, tmp_path):
    """GPTQ: 4 bits of 64 inputs and 128 outputs."""
    (tmp_path / "model.safetensors").write_bytes(safetensors_with({
        "model.layers.0.mlp.up_proj.qweight": ("I32", 4, [8, 128]),
        "model.layers.0.mlp.up_proj.qzeros": ("I32", 4, [2, 16]),
        "model.layers.0.mlp.up_proj.scales": ("F16", 2, [2, 128]),
        "model.layers.0.mlp.up_proj.g_idx": ("I32", 4, [64]),
        "model.norm.weight": ("F16", 2, [64]), "lm_head.weight": ("F16", 2, [10, 64])}))
    (tmp_path / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
        "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 10, "max_position_embeddings": 32,
        "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 32}}))
    about = json.loads(skep(binary, "inspect", "--model", str(tmp_path), "--json"))
    assert about["supported"] is True
    assert about["parameters"] == 64 * 128 + 64 + 10 * 64
    assert about["quantization"] == "gptq 4-bit+F16"
    assert about["memory"]["kv_cache_bytes_per_token"] == 3 * 2 * 2 * (16 + 16)


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
    for command in ("serve", "generate", "embed", "chat", "tokenize", "detokenize", "template",
                    "inspect", "perplexity", "bench"):
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
