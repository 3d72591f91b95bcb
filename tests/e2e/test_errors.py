"""Every field that can be refused, with its code, reason and place."""

import math

import grpc
import pytest
from harness import Collected, Details, pb, request

VOCABULARY = 49152
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def case(field, reason="INVALID_FIELD", text=None, prompt=None, **fields):
    """`prompt` replaces the prompt; `fields` as in request()."""
    message = request(**({} if text is None else {"text": text}), **fields)
    if prompt is not None:
        message.ClearField("text")
        message.MergeFrom(prompt)
    return pytest.param(message, reason, field, id=f"{field}-{reason}-{len(str(message))}")


def biased(token, value):
    message = request()
    message.sampling.logit_bias[token] = value
    return message


def chat(**fields):
    return pb.GenerateRequest(chat=pb.ChatPrompt(**fields))


USER = pb.ChatMessage(role="user", content="hi")

CASES = [
    *[case("sampling.temperature", sampling={"temperature": v})
      for v in (-0.1, 100.5, math.nan, math.inf, -math.inf)],
    case("sampling.top_k", sampling={"top_k": -1}),
    *[case("sampling.top_p", sampling={"top_p": v}) for v in (0, -0.5, 1.5, math.nan)],
    *[case("sampling.min_p", sampling={"min_p": v}) for v in (-0.1, 1.1, math.nan)],
    *[case("sampling.typical_p", sampling={"typical_p": v}) for v in (0, 1.1, math.nan)],
    *[case("sampling.repetition_penalty", sampling={"repetition_penalty": v})
      for v in (0, -1, math.nan, math.inf)],
    *[case("sampling.presence_penalty", sampling={"presence_penalty": v})
      for v in (-2.1, 2.1, math.nan)],
    *[case("sampling.frequency_penalty", sampling={"frequency_penalty": v})
      for v in (-2.1, 2.1, math.nan)],
    case("sampling.num_sequences", sampling={"num_sequences": 0}),
    case("sampling.num_sequences", sampling={"num_sequences": -1}),
    case("sampling.num_sequences", "LIMIT_EXCEEDED", sampling={"num_sequences": 1_000_000}),
    case("sampling.allowed_token_ids[0]", sampling={"allowed_token_ids": [VOCABULARY]}),
    case("sampling.allowed_token_ids[0]", sampling={"allowed_token_ids": [2**32 - 1]}),
    case("sampling.bad_token_ids[1]", sampling={"bad_token_ids": [1, VOCABULARY]}),
    case("stopping.max_tokens", stopping={"max_tokens": 0}),
    case("stopping.max_tokens", stopping={"max_tokens": -1}),
    case("stopping.max_tokens", "PROMPT_TOO_LONG", stopping={"max_tokens": 2**31 - 1}),
    case("stopping.min_tokens", stopping={"min_tokens": -1}),
    case("stopping.min_tokens", stopping={"min_tokens": 17}),
    case("stopping.stop_token_ids[0]", stopping={"stop_token_ids": [VOCABULARY]}),
    case("stopping.stop_strings[0]", stopping={"stop_strings": [""]}),
    case("stopping.stop_strings", "LIMIT_EXCEEDED",
         stopping={"stop_strings": [str(i) for i in range(1000)]}),
    case("stopping.stop_strings[0]", "LIMIT_EXCEEDED", stopping={"stop_strings": ["x" * 5000]}),
    case("response.logprobs", response={"logprobs": -1}),
    case("response.logprobs", "LIMIT_EXCEEDED", response={"logprobs": 10_000}),
    case("response.prompt_logprobs", response={"prompt_logprobs": -1}),
    case("response.prompt_logprobs", "LIMIT_EXCEEDED", response={"prompt_logprobs": 10_000}),
    case("truncate_prompt_tokens", truncate_prompt_tokens=-1),
    case("request_id", request_id="x" * 1000),
    case("request_id", request_id="line\nbreak"),
    case("prompt", prompt=pb.GenerateRequest()),
    case("text", prompt=pb.GenerateRequest(text=pb.TextPrompt())),
    case("prompt", text=""),
    case("token_ids.ids", prompt=pb.GenerateRequest(token_ids=pb.TokenIds())),
    case("token_ids.ids[1]", prompt=pb.GenerateRequest(token_ids=pb.TokenIds(ids=[1, VOCABULARY]))),
    case("token_ids.ids[0]", prompt=pb.GenerateRequest(token_ids=pb.TokenIds(ids=[2**31]))),
    case("prompt", "PROMPT_TOO_LONG",
         prompt=pb.GenerateRequest(token_ids=pb.TokenIds(ids=[5] * 5000))),
    case("chat.messages", prompt=chat()),
    case("chat.messages[0].role", prompt=chat(messages=[pb.ChatMessage(content="x")])),
    case("chat.messages[0].parts[0]",
         prompt=chat(messages=[pb.ChatMessage(role="user", parts=[pb.ContentPart()])])),
    case("chat.tools[0]", prompt=chat(messages=[USER], tools=[pb.JsonObject()])),
    case("chat.tools[0].text", prompt=chat(messages=[USER], tools=[pb.JsonObject(text="[")])),
    case("chat.template_arguments.text",
         prompt=chat(messages=[USER], template_arguments=pb.JsonObject(text="[1]"))),
    case("chat.template_arguments.text",
         prompt=chat(messages=[USER],
                     template_arguments=pb.JsonObject(text='{"a":' + "[" * 500 + "]" * 500 + "}"))),
    pytest.param(biased(VOCABULARY, 1.0), "INVALID_FIELD", "sampling.logit_bias[0]", id="bias-id"),
    pytest.param(biased(2**32 - 1, 1.0), "INVALID_FIELD", "sampling.logit_bias", id="bias-no-id"),
    pytest.param(biased(1, math.nan), "INVALID_FIELD", "sampling.logit_bias[0]", id="bias-nan"),
    pytest.param(biased(1, math.inf), "INVALID_FIELD", "sampling.logit_bias[0]", id="bias-inf"),
]


@pytest.mark.parametrize("message,reason,field", CASES)
def test_refused_fields(server, message, reason, field):
    """Both methods refuse alike, and a stream carries no message first."""
    for call in (server.stub.Generate, lambda m: Collected(server.stub.GenerateStream(m))):
        with pytest.raises(grpc.RpcError) as error:
            call(message)
        details = Details(error.value)
        assert (error.value.code(), details.reason) == (INVALID, reason), error.value.details()
        assert details.field.startswith(field), details.field
        assert details.request_id


def test_too_many_logit_biases(server):
    message = request()
    for token in range(5000):
        message.sampling.logit_bias[token] = 1.0
    with pytest.raises(grpc.RpcError) as error:
        server.stub.Generate(message)
    assert Details(error.value).reason == "LIMIT_EXCEEDED"


def test_unknown_model(server):
    for call, message in ((server.stub.Generate, request(model="../etc/passwd")),
                          (server.stub.Tokenize, pb.TokenizeRequest(model="other"))):
        with pytest.raises(grpc.RpcError) as error:
            call(message)
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
        assert Details(error.value).reason == "UNKNOWN_MODEL"


def test_detokenize_refuses_unknown_ids(server):
    for bad in (VOCABULARY, 2**32 - 1):
        with pytest.raises(grpc.RpcError) as error:
            server.stub.Detokenize(pb.DetokenizeRequest(token_ids=[1, bad]))
        assert Details(error.value).field == "token_ids[1]"


def test_bytes_that_are_no_utf8_in_a_string_are_refused_by_protobuf(server):
    # Field 3 (text), inside it field 1 (text), holding the byte 0xff.
    call = server.channel.unary_unary("/skep.v1.Inference/Generate")
    with pytest.raises(grpc.RpcError) as error:
        call(b"\x1a\x03\x0a\x01\xff")
    # Whichever the gRPC library says of a message that it cannot read; never UNKNOWN.
    assert error.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNIMPLEMENTED)


def test_oversized_messages_are_refused(server):
    with pytest.raises(grpc.RpcError) as error:
        server.stub.Generate(request("x" * (17 << 20)))
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_rejections_are_counted(server):
    series = 'skep_rejections_total{reason="INVALID_FIELD"}'
    before = server.metrics()[series]
    with pytest.raises(grpc.RpcError):
        server.stub.Generate(request(sampling={"top_p": 7}))
    with pytest.raises(grpc.RpcError):
        server.stub.Generate(pb.GenerateRequest())
    assert server.metrics()[series] == before + 2
