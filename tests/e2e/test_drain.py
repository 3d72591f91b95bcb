"""SIGTERM: what was accepted is finished, what comes later is refused."""

import random
import threading
import time
from concurrent import futures

import grpc
import pytest
from harness import Server, eventually, request, rpc

CLIENTS = 6
ROUNDS = 20


def run_client(server, stop, tokens):
    """Streams one request after the other; returns what went wrong."""
    channel = server.connect()
    stub = rpc.InferenceStub(channel)
    finished = 0
    try:
        while not stop.is_set():
            received, usage = 0, None
            try:
                for message in stub.GenerateStream(
                        request("Bees", max_tokens=tokens, stopping={"ignore_eos": True}),
                        timeout=60):
                    received += sum(output.num_tokens for output in message.outputs)
                    if message.HasField("usage"):
                        usage = message.usage.generated_tokens
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.UNAVAILABLE and received == 0:
                    return finished, None  # refused, or nobody there any more
                return finished, f"{error.code()} after {received} tokens: {error.details()}"
            if received != tokens or usage != tokens:
                return finished, f"{received} tokens received, {usage} reported"
            finished += 1
        return finished, None
    finally:
        channel.close()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_accepted_token_is_lost(binary, model, seed):
    random_state = random.Random(seed)
    with Server(binary, model, "--max-sequences", "8") as server:
        stop = threading.Event()
        with futures.ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(run_client, server, stop, random_state.randint(4, 20))
                       for _ in range(CLIENTS)]
            time.sleep(random_state.uniform(0, 0.6))
            server.signal()
            code = server.wait()
            stop.set()
            results = [client.result(timeout=60) for client in clients]
        assert code == 0
        assert [problem for _, problem in results if problem] == []


def test_draining_is_visible_and_refuses(binary, model):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with Server(binary, model) as server:
        health = health_pb2_grpc.HealthStub(server.channel)
        check = health_pb2.HealthCheckRequest(service="skep.v1.Inference")
        assert health.Check(check).status == health_pb2.HealthCheckResponse.SERVING
        watch = health.Watch(check)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        call = server.stub.GenerateStream(
            request("Bees", max_tokens=200, stopping={"ignore_eos": True}))
        received = sum(output.num_tokens for output in next(call).outputs)
        server.signal()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert server.http("/readyz") == (503, "draining\n")
        assert server.http("/healthz")[0] == 200
        with pytest.raises(grpc.RpcError) as error:
            server.stub.Generate(request())
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        for message in call:
            received += sum(output.num_tokens for output in message.outputs)
        assert received == 200
        assert server.wait() == 0


def test_second_signal_stops_at_once(binary, model):
    with Server(binary, model, "--drain-timeout", "600") as server:
        call = server.stub.GenerateStream(
            request("Bees", max_tokens=1900, stopping={"ignore_eos": True}))
        next(call)
        server.signal()
        assert eventually(lambda: server.http("/readyz")[0] == 503)
        server.signal()
        assert server.wait() == 1
        with pytest.raises(grpc.RpcError) as error:
            for _ in call:
                pass
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE


def test_the_limit_is_kept(binary, model):
    with Server(binary, model, "--drain-timeout", "0.2") as server:
        call = server.stub.GenerateStream(
            request("Bees", max_tokens=1900, stopping={"ignore_eos": True}))
        next(call)
        server.signal()
        assert server.wait() == 0
        with pytest.raises(grpc.RpcError) as error:
            for _ in call:
                pass
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
