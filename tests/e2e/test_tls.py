"""TLS and API keys: who gets in, and whose prompts are cached together."""

import subprocess

import grpc
import pytest
from harness import Collected, Details, Server, pb, request

ANNA = "key-of-anna-0123456789"
BOB = "key-of-bob-0123456789"
LONG_PROMPT = "Bees dance to tell each other where the flowers are. " * 20
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def bearer(key):
    return (("authorization", f"Bearer {key}"),)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def self_signed(folder, name):
    """NAME.pem and NAME.key: a certificate for the loopback that signs itself."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", f"/CN={name}", "-addext",
            "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(folder / f"{name}.key"),
            "-out", str(folder / f"{name}.pem"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    for name in ("server", "client", "stranger"):
        self_signed(folder, name)
    openssl("ec", "-aes128", "-passout", "pass:secret", "-in", str(folder / "server.key"), "-out",
            str(folder / "encrypted.key"))
    (folder / "empty").write_text("")
    (folder / "text").write_text("no PEM at all\n")
    (folder / "keys").write_text(f"# tenants\n\nanna:{ANNA}\nbob:{BOB}\n")
    (folder / "key").write_text(ANNA + "\n")
    (folder / "short").write_text("anna:secret\n")
    (folder / "twice").write_text(f"anna:{ANNA}\nbob:{ANNA}\n")
    return folder


class TlsServer(Server):
    """Its connections are encrypted; `client` names the certificate that they show."""

    def __init__(self, binary, model, files, *flags, client=None):
        self.files = files
        self.client = client
        super().__init__(binary, model, "--tls-certificate", str(files / "server.pem"), "--tls-key",
                         str(files / "server.key"), *flags)

    def connect(self, *options, trusted="server", client=None):
        client = client or self.client
        read = lambda name: (self.files / name).read_bytes()
        credentials = grpc.ssl_channel_credentials(
            read(f"{trusted}.pem"), *((read(f"{client}.key"), read(f"{client}.pem"))
                                      if client else ()))
        return grpc.secure_channel(
            self.target, credentials, options=[("grpc.use_local_subchannel_pool", 1), *options])


@pytest.fixture(scope="module")
def server(binary, model, files):
    with TlsServer(binary, model, files, "--api-keys", str(files / "keys"), "--log-level",
                   "debug") as running:
        yield running


@pytest.fixture(scope="module")
def mutual(binary, model, files):
    with TlsServer(binary, model, files, "--tls-client-ca", str(files / "client.pem"),
                   client="client") as running:
        yield running


def get_info(channel, **options):
    call = channel.unary_unary("/skep.v1.Inference/GetModelInfo",
                               response_deserializer=pb.GetModelInfoResponse.FromString)
    return call(b"", timeout=20, **options)


def refusal(call):
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value


def test_a_known_key_over_tls_gets_in(server):
    whole = server.stub.Generate(request(), metadata=bearer(ANNA))
    stream = Collected(server.stub.GenerateStream(request(), metadata=bearer(BOB)))
    assert "Paris" in whole.outputs[0].text
    assert stream.text == whole.outputs[0].text


def test_without_tls_nobody_gets_in(server):
    with grpc.insecure_channel(server.target) as channel:
        error = refusal(lambda: get_info(channel, metadata=bearer(ANNA)))
    assert error.code() == UNAVAILABLE


def test_the_server_shows_the_certificate_it_was_given(server):
    with server.connect(trusted="stranger") as channel:
        error = refusal(lambda: get_info(channel, metadata=bearer(ANNA)))
    assert error.code() == UNAVAILABLE


@pytest.mark.parametrize("metadata", [
    (), bearer("key-of-carl-0123456789"), bearer(ANNA[:-1]), (("authorization", ANNA),)])
def test_other_keys_are_unauthenticated(server, metadata):
    series = 'skep_grpc_requests_total{code="UNAUTHENTICATED",method="%s",service="skep.v1.Inference"}'
    before = server.metrics()
    for name, call in (
            ("Generate", lambda: server.stub.Generate(request(), metadata=metadata)),
            ("GenerateStream",
             lambda: Collected(server.stub.GenerateStream(request(), metadata=metadata))),
            ("GetModelInfo", lambda: get_info(server.channel, metadata=metadata))):
        error = refusal(call)
        assert (error.code(), Details(error).reason) == (UNAUTHENTICATED, "UNAUTHENTICATED")
        assert ANNA[:-1] not in error.details()
        assert server.metrics()[series % name] == before[series % name] + 1


def test_health_and_reflection_need_no_key(server):
    check = server.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert check(b"", timeout=20) == b"\x08\x01"  # status: SERVING
    reflect = server.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    answer = next(reflect(iter([b"\x3a\x00"]), timeout=20))  # list_services: ""
    assert b"skep.v1.Inference" in answer


def test_tenants_do_not_share_cached_prompts(server):
    def cached(key):
        usage = server.stub.Generate(request(LONG_PROMPT, max_tokens=2), metadata=bearer(key)).usage
        assert usage.prompt_tokens > 100
        return usage.cached_tokens

    assert cached(ANNA) == 0
    assert cached(ANNA) > 0
    assert cached(BOB) == 0
    assert cached(BOB) > 0


def test_keys_and_tenants_are_neither_logged_nor_counted(server):
    refusal(lambda: server.stub.Generate(request(), metadata=bearer("key-of-carl-0123456789")))
    for text in ("".join(server.log), server.http("/metrics")[1]):
        assert text
        assert "key-of-" not in text and "anna" not in text


def test_the_chat_command_brings_certificate_and_key(server, binary, files):
    def chat(*flags, **environment):
        return subprocess.run(
            [binary, "chat", "--target", server.target, "--max-tokens", "8", "--temperature", "0",
             *flags], input="Say hello.\n", env=environment, capture_output=True, text=True,
            timeout=120)

    ca = ("--tls-ca", str(files / "server.pem"))
    by_file = chat(*ca, "--api-key-file", str(files / "key"))
    assert by_file.returncode == 0, by_file.stderr
    assert by_file.stdout.strip()
    by_variable = chat(*ca, SKEP_API_KEY=BOB)
    assert (by_variable.returncode, by_variable.stdout) == (0, by_file.stdout)
    assert "UNAUTHENTICATED" in chat(*ca).stderr
    empty = chat("--tls-ca", str(files / "empty"), SKEP_API_KEY=BOB)
    assert (empty.returncode, empty.stdout) == (1, "")
    assert "the file is empty" in empty.stderr
    wrong = chat(*ca, SKEP_API_KEY="secret key with spaces")
    assert wrong.returncode == 1
    assert "SKEP_API_KEY: " in wrong.stderr and "secret" not in wrong.stderr


def test_mutual_tls_needs_a_certificate_of_the_client(mutual):
    assert get_info(mutual.channel).model == "smol"
    mutual.client = None
    for client in (None, "stranger"):
        with mutual.connect(client=client) as channel:
            assert refusal(lambda: get_info(channel)).code() == UNAVAILABLE


@pytest.mark.parametrize("certificate,key,more,message", [
    ("missing", "server.key", (), "missing': No such file or directory"),
    ("server.pem", "missing", (), "missing': No such file or directory"),
    (".", "server.key", (), "cannot read '"),
    ("empty", "server.key", (), "empty': the file is empty"),
    ("text", "server.key", (), "text': holds no certificate in PEM format"),
    ("server.pem", "text", (), "text': holds no private key in PEM format"),
    ("server.pem", "encrypted.key", (), "encrypted.key': holds no private key in PEM format"),
    ("server.pem", "stranger.key", (), "stranger.key': is not the key of the certificate in"),
    ("server.pem", "server.key", ("--tls-client-ca", "server.key"), "holds no certificate"),
    ("server.pem", "server.key", ("--api-keys", "missing"), "missing': No such file or directory"),
    ("server.pem", "server.key", ("--api-keys", "."), "cannot read '"),
    ("server.pem", "server.key", ("--api-keys", "short"), "short:1: the API key has 6 characters"),
    ("server.pem", "server.key", ("--api-keys", "twice"), "twice:2: the API key stands in an"),
    ("server.pem", "server.key", ("--api-keys", "empty"), "empty: holds no API key"),
])
def test_bad_files_stop_the_start(binary, model, files, certificate, key, more, message):
    command = [binary, "serve", "--model", model, "--metrics-address", "127.0.0.1:0",
               "--tls-certificate", str(files / certificate), "--tls-key", str(files / key)]
    if more:
        command += [more[0], str(files / more[1])]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=60)
    output = ended.stdout + ended.stderr
    assert ended.returncode == 1, output
    assert message in output
    assert ANNA not in output and "secret" not in output


def test_the_key_of_clients_protects_no_server(binary, model):
    ended = subprocess.run(
        [binary, "serve", "--model", model, "--metrics-address", "no address"],
        env={"SKEP_API_KEY": ANNA}, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "without --api-keys everybody may call" in ended.stderr
    assert ANNA not in ended.stderr


def test_listening_beyond_the_loopback_without_tls_is_warned_of(binary, model, files):
    # What follows in the key file ends the start.
    ended = subprocess.run(
        [binary, "serve", "--model", model, "--metrics-address", "127.0.0.1:0", "--grpc-address",
         "0.0.0.0:0", "--api-keys", str(files / "empty")], capture_output=True, text=True,
        timeout=60)
    assert ended.returncode == 1
    assert "gRPC without TLS" in ended.stderr
