"""Embeddings: against transformers' (tests/golden/embeddings.py), and what a server promises of them."""

import concurrent.futures
import json
import os
import pathlib
import subprocess

import grpc
import numpy as np
import pytest
from harness import Collected, Details, Server, eventually, pb, request

CACHE = pathlib.Path(os.environ.get("SKEP_CACHE_DIR", pathlib.Path.home() / ".cache/skep"))
GOLDEN = CACHE / "golden" / "embeddings"
POOLINGS = {"last": pb.POOLING_LAST, "mean": pb.POOLING_MEAN, "cls": pb.POOLING_CLS}
LONG = "A hive of bees is a city that nobody planned. " * 30


def text_input(text):
    return pb.EmbedInput(text=pb.TextPrompt(text=text))


def embed(server, *inputs, **fields):
    return server.stub.Embed(pb.EmbedRequest(inputs=inputs, **fields))


def values(answer):
    return np.array([embedding.values for embedding in answer.embeddings], np.float32)


@pytest.fixture(scope="module", params=["llama_tied", "gemma3", "gpt2", "modern_bert_encoder"])
def golden(binary, request):
    """(a server of a tiny model, what transformers makes of its sequences)"""
    index = json.loads((GOLDEN / "index.json").read_text())
    model = next(model for model in index["models"] if model["name"] == request.param)
    step = 64 if "bert" in request.param else 16  # an encoder reads the longest sequence at once
    with Server(binary, str(GOLDEN / request.param), "--kv-cache-type", "f32", "--max-sequences", "4",
                "--max-batch-tokens", str(step)) as running:
        yield running, model


@pytest.mark.parametrize("pooling", POOLINGS)
def test_embeddings_are_transformers(golden, pooling):
    server, model = golden
    inputs = [pb.EmbedInput(token_ids=pb.TokenIds(ids=sequence["tokens"]))
              for sequence in model["sequences"]]
    expected = np.array([sequence[pooling] for sequence in model["sequences"]])
    raw = embed(server, *inputs, pooling=POOLINGS[pooling], normalize=False)
    # float32 against float32, with other summation orders.
    np.testing.assert_allclose(values(raw), expected, rtol=1e-3, atol=1e-4 * abs(expected).max())
    assert [embedding.index for embedding in raw.embeddings] == list(range(len(inputs)))
    assert [embedding.num_tokens for embedding in raw.embeddings] == [
        len(sequence["tokens"]) for sequence in model["sequences"]]

    cut = expected[:, :16]
    cut = cut / np.linalg.norm(cut, axis=1, keepdims=True)
    short = embed(server, *inputs, pooling=POOLINGS[pooling], dimensions=16, normalize=True)
    np.testing.assert_allclose(values(short), cut, atol=1e-4)


def test_a_call_that_does_not_say_gets_what_the_files_say(golden):
    server, model = golden
    info = server.stub.GetModelInfo(pb.GetModelInfoRequest())
    assert info.default_pooling == POOLINGS[model["pooling"]]
    assert info.default_normalize == model["normalize"]
    inputs = [pb.EmbedInput(token_ids=pb.TokenIds(ids=sequence["tokens"]))
              for sequence in model["sequences"]]
    said = embed(server, *inputs, pooling=info.default_pooling, normalize=info.default_normalize)
    assert (values(embed(server, *inputs)) == values(said)).all()
    expected = np.array([sequence[model["pooling"]] for sequence in model["sequences"]])
    if model["normalize"]:
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(values(said), expected, rtol=1e-3, atol=1e-4 * abs(expected).max())


def test_text_ids_and_chat_are_prompts(server):
    text = "What is a skep?"
    ids = server.stub.Tokenize(pb.TokenizeRequest(text=pb.TextPrompt(text=text))).token_ids
    chat = pb.ChatPrompt(messages=[pb.ChatMessage(role="user", content=text)],
                         add_generation_prompt=False)
    chat_ids = server.stub.Tokenize(pb.TokenizeRequest(chat=chat)).token_ids
    answer = embed(server, text_input(text), pb.EmbedInput(token_ids=pb.TokenIds(ids=ids)),
                   pb.EmbedInput(chat=chat), pb.EmbedInput(token_ids=pb.TokenIds(ids=chat_ids)))
    by_text, by_ids, by_chat, by_chat_ids = values(answer)
    assert (by_text == by_ids).all() and (by_chat == by_chat_ids).all()
    assert not (by_text == by_chat).all()
    np.testing.assert_allclose(np.linalg.norm(values(answer), axis=1), 1, atol=1e-6)
    assert answer.usage.prompt_tokens == 2 * len(ids) + 2 * len(chat_ids)
    assert answer.usage.generated_tokens == 0


def test_not_a_bit_depends_on_what_runs_beside_it(server):
    for pooling in POOLINGS.values():
        alone = values(embed(server, text_input(LONG), pooling=pooling, bypass_prefix_cache=True))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            others = [pool.submit(lambda i=i: Collected(server.stub.GenerateStream(
                request(f"Story number {i}:", max_tokens=48)))) for i in range(3)]
            calls = [pool.submit(embed, server, text_input("x " * i), text_input(LONG),
                                 pooling=pooling) for i in range(1, 5)]
            for call in calls:
                assert (values(call.result())[1] == alone[0]).all()
            assert all(other.result().tokens == 48 for other in others)


def test_prefixes_are_shared_where_only_the_last_token_counts(server):
    prompt = "Shared by all: " + LONG
    first = embed(server, text_input(prompt), pooling=pb.POOLING_LAST)
    again = embed(server, text_input(prompt), pooling=pb.POOLING_LAST)
    assert again.usage.cached_tokens == again.embeddings[0].num_cached_tokens > 0
    assert (values(again) == values(first)).all()
    mean = embed(server, text_input(prompt), pooling=pb.POOLING_MEAN)
    assert mean.usage.cached_tokens == 0


def test_an_input_beyond_the_context_is_refused_or_cut(server):
    long = pb.EmbedInput(token_ids=pb.TokenIds(ids=[100 + i % 7 for i in range(2050)]))
    with pytest.raises(grpc.RpcError) as error:
        embed(server, text_input("short"), long)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (Details(error.value).reason, Details(error.value).field) == (
        "PROMPT_TOO_LONG", "inputs[1]")
    answer = embed(server, text_input("short"), long, truncation=pb.TRUNCATION_END)
    assert [embedding.truncated for embedding in answer.embeddings] == [False, True]
    kept = pb.EmbedInput(token_ids=pb.TokenIds(ids=long.token_ids.ids[:2048]))
    assert (values(embed(server, kept))[0] == values(answer)[1]).all()
    assert eventually(server.idle)


@pytest.mark.parametrize("message,field", [
    (pb.EmbedRequest(), "inputs"),
    (pb.EmbedRequest(inputs=[text_input("a"), pb.EmbedInput()]), "inputs[1].prompt"),
    (pb.EmbedRequest(inputs=[text_input("a")], dimensions=100000), "dimensions"),
    (pb.EmbedRequest(inputs=[pb.EmbedInput(token_ids=pb.TokenIds(ids=[1, 10**6]))]),
     "inputs[0].token_ids.ids[1]")])
def test_errors_name_the_field(server, message, field):
    with pytest.raises(grpc.RpcError) as error:
        server.stub.Embed(message)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (Details(error.value).reason, Details(error.value).field) == ("INVALID_FIELD", field)


def test_a_cancelled_call_gives_everything_back(server):
    call = server.stub.Embed.future(pb.EmbedRequest(inputs=[text_input(LONG)] * 32,
                                                    pooling=pb.POOLING_MEAN))
    call.cancel()
    assert eventually(server.idle)


def test_metrics_count_calls_inputs_and_tokens(server):
    calls = 'skep_grpc_requests_total{code="OK",method="Embed",service="skep.v1.Inference"}'
    inputs = 'skep_requests_total{finish_reason="stop"}'
    before = server.metrics()
    answer = embed(server, text_input("one"), text_input("two three"))
    after = server.metrics()
    grown = {name: after[name] - before[name]
             for name in (calls, inputs, "skep_prompt_tokens_total", "skep_generation_tokens_total")}
    assert grown == {calls: 1, inputs: 2, "skep_generation_tokens_total": 0,
                     "skep_prompt_tokens_total": answer.usage.prompt_tokens}


def test_the_command_gives_what_the_server_gives(binary, model, server):
    text = "Bees make honey.\n"
    small = ("--kv-cache-memory", "64MiB", "--context", "1024")
    for pooling in POOLINGS:
        printed = json.loads(subprocess.run(
            [binary, "embed", "--model", model, *small, "--pooling", pooling, "--json"],
            input=text.encode(), capture_output=True, check=True, timeout=120).stdout)
        served = embed(server, text_input(text), pooling=POOLINGS[pooling])
        ours = np.array(printed["embeddings"][0]["values"], np.float32)
        assert (ours == values(served)[0]).all()
        assert printed["prompt_tokens"] == served.usage.prompt_tokens
    lines = subprocess.run(
        [binary, "embed", "--model", model, *small, "--prompt", "a", "--prompt", "b c",
         "--no-normalize", "--dimensions", "8"],
        capture_output=True, check=True, timeout=120).stdout.decode().splitlines()
    served = embed(server, text_input("a"), text_input("b c"), normalize=False, dimensions=8)
    assert (np.array([line.split() for line in lines], np.float32) == values(served)).all()
