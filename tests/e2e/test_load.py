"""Many clients at once, and ones that misbehave."""

import random
import threading
from concurrent import futures

import grpc
from harness import Collected, Details, Server, eventually, request, rpc

STREAMS = 64


def test_metrics_and_probes(server):
    assert server.http("/healthz") == (200, "ok\n")
    assert server.http("/readyz") == (200, "ok\n")
    assert server.http("/nothing")[0] == 404
    metrics = server.metrics()
    for name in ("skep_num_requests_running", "skep_kv_cache_usage_ratio",
                 "skep_generation_tokens_total", 'vllm:num_requests_waiting{engine="0"}',
                 'skep_requests_total{finish_reason="stop"}',
                 'skep_grpc_requests_total{code="OK",method="Generate",'
                 'service="skep.v1.Inference"}'):
        assert name in metrics, name


def test_clients_counts_equal_the_metrics(server):
    """64 streams, every second one cancelled at a random token."""
    assert eventually(server.idle)
    before = server.metrics()
    random_state = random.Random(3)
    plans = [(f"Story number {i}:", random_state.randint(8, 24),
              random_state.randint(0, 8) if i % 2 else None) for i in range(STREAMS)]

    def run(plan):
        text, tokens, cancel_after = plan
        call = server.stub.GenerateStream(
            request(text, max_tokens=tokens, stopping={"ignore_eos": True}), timeout=120)
        received = 0
        try:
            for message in call:
                received += sum(output.num_tokens for output in message.outputs)
                if cancel_after is not None and received >= cancel_after:
                    call.cancel()
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.CANCELLED, error
            return "cancelled", received
        assert received == tokens
        return "done", received

    with futures.ThreadPoolExecutor(STREAMS) as pool:
        results = list(pool.map(run, plans))
    assert eventually(server.idle)
    after = server.metrics()

    def grown(series):
        return after[series] - before[series]

    done = [count for outcome, count in results if outcome == "done"]
    cancelled = [count for outcome, count in results if outcome == "cancelled"]
    assert len(done) >= STREAMS // 2
    ended = {reason: grown(f'skep_requests_total{{finish_reason="{reason}"}}')
             for reason in ("stop", "length", "cancelled", "deadline", "error")}
    assert sum(ended.values()) == STREAMS
    # A client may cancel a stream whose last token is already on its way.
    assert len(done) <= ended["length"] <= len(done) + len(cancelled)
    assert ended["stop"] == ended["deadline"] == ended["error"] == 0
    assert grown("skep_generation_tokens_total") == grown("skep_request_generation_tokens_sum")
    assert grown("skep_generation_tokens_total") >= sum(done) + sum(cancelled)
    calls = sum(grown(f'skep_grpc_requests_total{{code="{code}",method="GenerateStream",'
                      f'service="skep.v1.Inference"}}') for code in ("OK", "CANCELLED"))
    assert calls == STREAMS

    # Without cancels the counts are equal to the token.
    with futures.ThreadPoolExecutor(STREAMS) as pool:
        whole = list(pool.map(run, [(text, tokens, None) for text, tokens, _ in plans]))
    assert eventually(server.idle)
    total = server.metrics()["skep_generation_tokens_total"]
    assert total - after["skep_generation_tokens_total"] == sum(count for _, count in whole)


def test_deadline_stops_and_frees(server):
    long = request("Count:", max_tokens=1500, stopping={"ignore_eos": True})
    try:
        server.stub.Generate(long, timeout=0.5)
        raise AssertionError("1500 tokens within half a second")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert eventually(server.idle)


def test_broken_connections_free_everything(server):
    channel = server.connect()
    calls = [rpc.InferenceStub(channel).GenerateStream(
        request(f"{i}", max_tokens=1500, stopping={"ignore_eos": True})) for i in range(8)]
    for call in calls:
        next(iter(call))
    channel.close()
    assert eventually(server.idle)


def test_a_client_that_never_reads_slows_nobody(binary, model):
    with Server(binary, model, "--max-unread-tokens", "16", "--stalled-reader-limit", "3",
                "--max-sequences", "8") as server:
        # A window that does not grow, and large messages: it is full after a few steps.
        stalled = server.connect(("grpc.http2.bdp_probe", 0))
        call = rpc.InferenceStub(stalled).GenerateStream(
            request("Once", max_tokens=1000, stopping={"ignore_eos": True},
                    sampling={"num_sequences": 4}, response={"logprobs": 20}))
        for i in range(4):
            answer = server.stub.Generate(
                request(f"Number {i}", max_tokens=24, stopping={"ignore_eos": True}), timeout=60)
            assert answer.usage.generated_tokens == 24
        assert eventually(server.idle, seconds=90)
        try:
            Collected(call)
            raise AssertionError("the server kept everything for a client that never read")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert Details(error).reason == "STALLED_READER"
        stalled.close()


def test_overload_is_refused_with_advice(binary, model):
    with Server(binary, model, "--max-sequences", "1", "--max-waiting", "2") as server:
        start = threading.Barrier(12)

        def run(i):
            start.wait()
            try:
                server.stub.Generate(request(f"{i}", max_tokens=48,
                                             stopping={"ignore_eos": True}), timeout=120)
                return None
            except grpc.RpcError as error:
                return error

        with futures.ThreadPoolExecutor(12) as pool:
            errors = [error for error in pool.map(run, range(12)) if error is not None]
        assert errors
        for error in errors:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert Details(error).reason == "QUEUE_FULL"
            assert Details(error).retry is not None
