"""A `skep serve` process, its clients, and what to ask of them."""

import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import grpc
from google.rpc import error_details_pb2, status_pb2
from skep.v1 import inference_pb2 as pb
from skep.v1 import inference_pb2_grpc as rpc

START_SECONDS = 120
END_SECONDS = 60


class Server:
    """Starts on free ports; the log of a failed start is in the error."""

    def __init__(self, binary, model, *flags):
        self.process = subprocess.Popen(
            [binary, "serve", "--model", model, "--grpc-address", "127.0.0.1:0",
             "--metrics-address", "127.0.0.1:0", "--served-model-name", "smol",
             "--kv-cache-memory", "256MiB", "--context", "2048", *flags],
            stderr=subprocess.PIPE, text=True)
        self.log = []
        self.ports = None
        self._serving = threading.Event()
        threading.Thread(target=self._read_log, daemon=True).start()
        if not self._serving.wait(START_SECONDS) or self.ports is None:
            self.process.kill()
            raise RuntimeError("skep serve did not start:\n" + "".join(self.log))
        self.channel = self.connect()
        self.stub = rpc.InferenceStub(self.channel)

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r"serving .*grpc_port=(\d+).*metrics_port=(\d+)", line)
            if found:
                self.ports = tuple(int(port) for port in found.groups())
                self._serving.set()
        self._serving.set()

    @property
    def target(self):
        return f"127.0.0.1:{self.ports[0]}"

    def connect(self, *options):
        """A connection of its own."""
        return grpc.insecure_channel(
            self.target, options=[("grpc.use_local_subchannel_pool", 1), *options])

    def http(self, path):
        """(status, body) of the metrics listener."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[1]}{path}",
                                        timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self):
        """{'name{labels}': value} without the label model_name."""
        values = {}
        for line in self.http("/metrics")[1].splitlines():
            if line.startswith("#") or not line:
                continue
            series, value = line.rsplit(" ", 1)
            series = re.sub(r'model_name="smol",?', "", series).replace(",}", "}").replace("{}", "")
            values[series] = float(value)
        return values

    def idle(self):
        metrics = self.metrics()
        blocks = {s: metrics[f'skep_kv_blocks{{state="{s}"}}'] for s in ("total", "free", "cached")}
        return (metrics["skep_num_requests_running"] == 0 and
                metrics["skep_num_requests_waiting"] == 0 and
                blocks["free"] + blocks["cached"] == blocks["total"])

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(END_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        self.process.stderr.close()


def eventually(condition, seconds=30):
    """Whether the condition comes true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def request(text="The capital of France is", max_tokens=16, **fields):
    """A greedy request; dictionaries in `fields` are merged into the messages of that name."""
    out = pb.GenerateRequest(text=pb.TextPrompt(text=text))
    out.sampling.temperature = 0
    out.stopping.max_tokens = max_tokens
    out.response.token_ids = True
    for name, value in fields.items():
        if isinstance(value, dict):
            for key, inner in value.items():
                field = getattr(out, name)
                if isinstance(inner, (list, tuple)):
                    getattr(field, key).extend(inner)
                else:
                    setattr(field, key, inner)
        else:
            setattr(out, name, value)
    return out


class Collected:
    """A stream, put together."""

    def __init__(self, messages):
        self.messages = 0
        self.text = ""
        self.ids = []
        self.logprobs = []
        self.prompt_info = None
        self.usage = None
        self.finish = None
        self.tokens = 0
        for message in messages:
            self.messages += 1
            if message.HasField("prompt_info"):
                self.prompt_info = message.prompt_info
            if message.HasField("usage"):
                self.usage = message.usage
            for output in message.outputs:
                self.text += output.text
                self.ids += output.token_ids
                self.logprobs += output.logprobs
                self.tokens += output.num_tokens
                if output.HasField("finish"):
                    self.finish = output.finish


class Details:
    """The google.rpc details of a grpc.RpcError."""

    def __init__(self, error):
        metadata = dict(error.trailing_metadata() or ())
        status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
        assert status.code == error.code().value[0]
        self.reason = self.field = self.retry = self.request_id = None
        for detail in status.details:
            for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest,
                         error_details_pb2.RetryInfo, error_details_pb2.RequestInfo):
                if detail.Is(kind.DESCRIPTOR):
                    self._take(detail, kind())

    def _take(self, detail, message):
        detail.Unpack(message)
        if isinstance(message, error_details_pb2.ErrorInfo):
            assert message.domain == "skep"
            self.reason = message.reason
        elif isinstance(message, error_details_pb2.BadRequest):
            self.field = message.field_violations[0].field
        elif isinstance(message, error_details_pb2.RetryInfo):
            self.retry = message.retry_delay
        else:
            self.request_id = message.request_id
