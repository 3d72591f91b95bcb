"""Requests that succeed."""

import json
import shutil
import subprocess
import sys

import grpc
import pytest
from harness import Collected, pb, request


def test_generate_and_stream_agree(server):
    whole = server.stub.Generate(request(max_tokens=32))
    stream = Collected(server.stub.GenerateStream(request(max_tokens=32)))
    assert "Paris" in whole.outputs[0].text
    assert stream.text == whole.outputs[0].text
    assert stream.ids == list(whole.outputs[0].token_ids)
    assert stream.messages > 2
    assert stream.usage.generated_tokens == len(stream.ids) == stream.tokens
    assert stream.finish.generated_tokens == len(stream.ids)


def test_text_bytes_and_ids_are_the_same_prompt(server):
    text = "Once upon a time"
    tokens = server.stub.Tokenize(pb.TokenizeRequest(text=pb.TextPrompt(text=text)))
    by_text = server.stub.Generate(request(text))
    by_bytes = request()
    by_bytes.text.raw = text.encode()
    by_ids = request()
    by_ids.token_ids.ids.extend(tokens.token_ids)
    for other in (by_bytes, by_ids):
        assert server.stub.Generate(other).outputs[0].text == by_text.outputs[0].text
    assert by_text.prompt_info.num_tokens == len(tokens.token_ids)


def test_chat_uses_the_template(server):
    chat = pb.GenerateRequest(chat=pb.ChatPrompt(messages=[
        pb.ChatMessage(role="user", content="What is the capital of France? One word.")]))
    chat.sampling.temperature = 0
    chat.stopping.max_tokens = 24
    answer = server.stub.Generate(chat)
    assert "Paris" in answer.outputs[0].text
    assert answer.outputs[0].finish.reason in (pb.FINISH_REASON_STOP, pb.FINISH_REASON_LENGTH)
    rendered = server.stub.Tokenize(pb.TokenizeRequest(chat=chat.chat)).rendered
    assert "<|im_start|>user\nWhat is the capital of France? One word.<|im_end|>" in rendered
    assert rendered.endswith("<|im_start|>assistant\n")


@pytest.mark.parametrize("text", [
    "", "Hello, world!", "  two  spaces\n\ttab ", "naïve café – 東京 🐝", "<|im_start|>user",
    "a" * 3000])
def test_tokenize_and_detokenize_are_inverse(server, text):
    tokens = server.stub.Tokenize(pb.TokenizeRequest(text=pb.TextPrompt(text=text), pieces=True))
    assert b"".join(tokens.pieces).decode() == text
    back = server.stub.Detokenize(pb.DetokenizeRequest(
        token_ids=tokens.token_ids, skip_special_tokens=False))
    assert back.text == text


def test_special_tokens_are_parsed_only_on_demand(server):
    def count(parse):
        prompt = pb.TextPrompt(text="<|im_start|>", parse_special_tokens=parse)
        return len(server.stub.Tokenize(pb.TokenizeRequest(text=prompt)).token_ids)

    assert count(True) == 1
    assert count(False) > 1


def test_sequences_share_a_prompt(server):
    many = request(max_tokens=12, sampling={"num_sequences": 3, "seed": 7})
    many.sampling.temperature = 1.0
    first = server.stub.Generate(many)
    assert sorted(output.index for output in first.outputs) == [0, 1, 2]
    texts = {output.index: output.text for output in first.outputs}
    assert len(set(texts.values())) > 1
    again = server.stub.Generate(many)
    assert {output.index: output.text for output in again.outputs} == texts  # the seed is kept
    assert first.usage.generated_tokens == sum(output.num_tokens for output in first.outputs)


def test_stopping(server):
    free = server.stub.Generate(request(max_tokens=32))
    text, ids = free.outputs[0].text, list(free.outputs[0].token_ids)
    stop = text.split()[2]
    cut = server.stub.Generate(request(max_tokens=32, stopping={"stop_strings": [stop]})).outputs[0]
    assert cut.text == text[:text.index(stop)]
    assert cut.finish.reason == pb.FINISH_REASON_STOP
    assert cut.finish.stop_string == stop
    kept = request(max_tokens=32, stopping={"stop_strings": [stop], "include_stop_string": True})
    assert server.stub.Generate(kept).outputs[0].text == text[:text.index(stop) + len(stop)]
    by_id = server.stub.Generate(
        request(max_tokens=32, stopping={"stop_token_ids": [ids[3]]})).outputs[0]
    assert by_id.finish.stop_token_id == ids[3]
    assert by_id.finish.generated_tokens <= 4


def test_logprobs(server):
    answer = server.stub.Generate(
        request(max_tokens=4, response={"logprobs": 2, "prompt_logprobs": 1,
                                        "prompt_token_ids": True}))
    output, info = answer.outputs[0], answer.prompt_info
    assert len(output.logprobs) == 4
    for logprobs, token in zip(output.logprobs, output.token_ids):
        assert logprobs.chosen.token_id == token
        assert logprobs.chosen.rank == 1 and logprobs.top[0].token_id == token  # greedy
        assert logprobs.chosen.logprob <= 0
        assert len(logprobs.top) == 2
    assert b"".join(lp.chosen.token for lp in output.logprobs).decode() == output.text
    assert len(info.logprobs) == info.num_tokens - 1 == len(info.token_ids) - 1
    assert [lp.chosen.token_id for lp in info.logprobs] == list(info.token_ids)[1:]


def test_prefix_cache_changes_nothing_but_the_count(server):
    text = "A hive of bees. " * 40
    cold = server.stub.Generate(request(text, bypass_prefix_cache=True))
    server.stub.Generate(request(text))
    warm = server.stub.Generate(request(text))
    assert cold.usage.cached_tokens == 0
    assert warm.usage.cached_tokens > 0
    assert warm.outputs[0].token_ids == cold.outputs[0].token_ids


def test_sampling_constraints(server):
    ids = list(server.stub.Tokenize(
        pb.TokenizeRequest(text=pb.TextPrompt(text=" yes no"))).token_ids)
    only = server.stub.Generate(request(max_tokens=8, sampling={"allowed_token_ids": ids}))
    assert set(only.outputs[0].token_ids) <= set(ids)
    free = list(server.stub.Generate(request(max_tokens=1)).outputs[0].token_ids)
    banned = server.stub.Generate(request(max_tokens=1, sampling={"bad_token_ids": free}))
    assert list(banned.outputs[0].token_ids) != free
    biased = request(max_tokens=1)
    biased.sampling.logit_bias[ids[0]] = 100.0
    assert list(server.stub.Generate(biased).outputs[0].token_ids) == [ids[0]]


def test_info(server):
    info = server.stub.GetModelInfo(pb.GetModelInfoRequest())
    assert (info.model, info.architecture, info.format) == ("smol", "llama", "gguf")
    assert "Q4_1" in info.quantization
    assert info.vocab_size == 49152 and info.num_layers == 30 and info.has_chat_template
    state = server.stub.GetServerInfo(pb.GetServerInfoRequest())
    assert state.max_sequences == 64 and state.load.blocks_total > 0
    assert state.limits.max_message_bytes == 16 << 20


def grpcurl(server, *arguments):
    command = shutil.which("grpcurl", path=sys.prefix + "/bin") or shutil.which("grpcurl")
    assert command, "grpcurl is part of the test environment"
    return subprocess.run([command, "-plaintext", *arguments], check=True, capture_output=True,
                          text=True, timeout=60).stdout


def test_grpcurl_needs_no_proto_file(server):
    services = grpcurl(server, server.target, "list").split()
    assert {"skep.v1.Inference", "grpc.health.v1.Health"} <= set(services)
    message = {"chat": {"messages": [{"role": "user", "content": "Say hello."}]},
               "stopping": {"maxTokens": 8}}
    answer = json.loads(grpcurl(server, "-d", json.dumps(message), server.target,
                                "skep.v1.Inference/Generate"))
    assert answer["outputs"][0]["text"]
    health = json.loads(grpcurl(server, "-d", '{"service": "skep.v1.Inference"}', server.target,
                                "grpc.health.v1.Health/Check"))
    assert health == {"status": "SERVING"}


def test_unknown_methods_are_unimplemented(server):
    call = server.channel.unary_unary("/skep.v1.Inference/NoSuchMethod")
    with pytest.raises(grpc.RpcError) as error:
        call(b"")
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
