"""TLS for clients: who is let in, who is refused and how that is told, and nothing that leaks."""

import json
import os
import socket
import ssl
import stat
import subprocess
import threading
import time
from pathlib import Path
from random import Random

import consul
import pytest
from kazoo.client import KazooClient

from certificates import Authority, Paper, arguments
from servers import REPOSITORY, Roost, eventually, free_port, http_get, open_files

pytestmark = pytest.mark.roost_only
BINARY = os.environ.get("ROOST_BIN", str(REPOSITORY / ".build/debug/roost"))
NOT_HTTPS = b"Client sent an HTTP request to an HTTPS server."


class Secure(Roost):
    """A node with TLS ports beside the plain ones."""

    def __init__(self, directory: Path, paper: Paper, authority: Authority,
                 extra: tuple[str, ...] = ()) -> None:
        super().__init__(directory)
        self.secure = {k: free_port() for k in ("https", "zookeeper")}
        self.arguments = [
            *arguments(paper, authority), f"--https-port={self.secure['https']}",
            f"--zookeeper-secure-port={self.secure['zookeeper']}", "--log-level=debug", *extra]
        self.https = f"https://localhost:{self.secure['https']}"

    def kazoo(self, authority: Authority, paper: Paper | None, **options) -> KazooClient:
        files = {} if paper is None else {
            "certfile": str(paper.certificate), "keyfile": str(paper.key)}
        return KazooClient(f"localhost:{self.secure['zookeeper']}", use_ssl=True,
                           ca=str(authority.certificate), check_hostname=True, **files, **options)

    def pending(self) -> dict[tuple[str, str], int]:
        """The counts of TLS connections, by port and outcome."""
        status, body = http_get(f"{self.http}/v1/agent/metrics?format=prometheus", 5)
        assert status == 200
        rows = [line for line in body.decode().splitlines()
                if line.startswith("roost_tls_connections_total{")]
        counts = {}
        for row in rows:
            labels, value = row.removeprefix("roost_tls_connections_total{").split("} ")
            words = dict(label.split("=") for label in labels.replace('"', "").split(","))
            counts[words["port"], words["outcome"]] = int(value)
        return counts


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    """Another authority, of which nobody here knows."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def papers(authority) -> dict[str, Paper]:
    return {"node": authority.node("n1"), "client": authority.client("bob")}


@pytest.fixture
def start(tmp_path, authority, papers):
    started = []

    def begin(*extra: str, paper: Paper | None = None) -> Secure:
        server = Secure(tmp_path / f"s{len(started)}", paper or papers["node"], authority, extra)
        started.append(server)
        return server.start()
    yield begin
    for server in started:
        server.discard()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory, authority, papers):
    server = Secure(tmp_path_factory.mktemp("secure"), papers["node"], authority).start()
    yield server
    server.discard()


def context(authority: Authority | None, paper: Paper | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=authority and str(authority.certificate))
    if paper:
        made.load_cert_chain(paper.certificate, paper.key)
    return made


def secure(port: int, how: ssl.SSLContext, seconds: float = 10) -> ssl.SSLSocket:
    return how.wrap_socket(socket.create_connection(("127.0.0.1", port), seconds),
                           server_hostname="localhost")


def ask(stream: socket.socket, text: bytes) -> bytes:
    """All that is answered until the end."""
    stream.sendall(text)
    answer = b""
    while chunk := stream.recv(65536):
        answer += chunk
    return answer


def curl(*words: str) -> tuple[int, str]:
    done = subprocess.run(["curl", "-sS", "--max-time", "10", *words],
                          capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def roost(*words: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout + done.stderr


# MARK: Clients that are let in

def test_kazoo_works_over_tls_with_a_certificate(shared_server, authority, papers, name):
    client = shared_server.kazoo(authority, papers["client"])
    client.start(10)
    seen = threading.Event()
    client.create(f"/{name}", b"x" * 100_000, ephemeral=True)
    client.get(f"/{name}", watch=lambda event: seen.set())
    client.set(f"/{name}", b"y" * 300_000)
    assert seen.wait(10)
    assert client.get(f"/{name}")[0] == b"y" * 300_000
    client.stop()


def test_the_java_client_works_over_tls(shared_server, authority, papers, tmp_path, name):
    """zkCli by Netty, with PEM files for its stores."""
    both = tmp_path / "both.pem"
    paper = papers["client"]
    both.write_bytes(paper.key.read_bytes() + paper.certificate.read_bytes())
    settings = {
        "zookeeper.clientCnxnSocket": "org.apache.zookeeper.ClientCnxnSocketNetty",
        "zookeeper.client.secure": "true", "zookeeper.ssl.keyStore.location": both,
        "zookeeper.ssl.keyStore.type": "PEM", "zookeeper.ssl.trustStore.type": "PEM",
        "zookeeper.ssl.trustStore.location": authority.certificate}
    done = subprocess.run(
        ["java", *(f"-D{k}={v}" for k, v in settings.items()), "-cp",
         "/usr/share/java/zookeeper.jar:/usr/share/java/netty-all.jar:/usr/share/java/*",
         "org.apache.zookeeper.ZooKeeperMain", "-server",
         f"localhost:{shared_server.secure['zookeeper']}"],
        input=f"create /{name} java\nget /{name}\nquit\n", capture_output=True, text=True,
        timeout=90)
    lines = done.stdout.splitlines()
    assert f"Created /{name}" in done.stdout + done.stderr and "java" in lines, done.stderr


def test_pyconsul_and_curl_work_over_https(shared_server, authority, name):
    client = consul.Consul(host="localhost", port=shared_server.secure["https"], scheme="https",
                           verify=str(authority.certificate))
    assert client.kv.put(name, "v" * 200_000)
    index, entry = client.kv.get(name)
    assert entry["Value"] == b"v" * 200_000
    threading.Timer(0.3, lambda: client.kv.put(name, "new")).start()
    assert client.kv.get(name, index=index, wait="10s")[1]["Value"] == b"new"
    code, text = curl("--cacert", str(authority.certificate), "-w", "%{http_version}",
                      f"{shared_server.https}/v1/kv/{name}?raw")
    assert (code, text) == (0, "new1.1")


def test_the_command_line_speaks_tls_by_flags_and_by_consuls_variables(shared_server, authority):
    ca = str(authority.certificate)
    code, text = roost("status", "--address", shared_server.https, "--ca-file", ca)
    assert code == 0 and "leader" in text
    port = shared_server.secure["https"]
    variables = {"CONSUL_HTTP_ADDR": f"localhost:{port}", "CONSUL_HTTP_SSL": "true",
                 "CONSUL_CACERT": ca}
    assert roost("status", **variables)[0] == 0
    code, text = roost("status", "--address", shared_server.https)
    assert code == 3 and "TLS: its certificate is not trusted" in text
    assert roost("status", "--address", shared_server.https, CONSUL_HTTP_SSL_VERIFY="false")[0] == 0


def test_the_command_line_looks_whose_certificate_it_is(tmp_path, authority, papers):
    """At an address that the certificate does not have; every node has the role's name."""
    server = Secure(tmp_path / "s", papers["node"], authority, ("--bind=127.0.0.3",))
    server.zookeeper, server.http = (
        where.replace("127.0.0.1", "127.0.0.3") for where in (server.zookeeper, server.http))
    server.start()
    try:
        words = ("status", "--address", f"https://127.0.0.3:{server.secure['https']}", "--ca-file",
                 str(authority.certificate))
        code, text = roost(*words)
        assert code == 3 and "its certificate does not have the address's name" in text
        assert roost(*words, "--tls-server-name", "server.dc1.roost")[0] == 0
        assert roost(*words, CONSUL_TLS_SERVER_NAME="n1.server.dc1.roost")[0] == 0
        code, text = roost(*words, "--tls-server-name", "other.example")
        assert code == 3 and "its certificate does not have the address's name" in text
    finally:
        server.discard()


def test_a_client_that_ends_its_side_gets_its_answer(shared_server, authority, papers):
    """openssl sends close_notify when its input ends; the answer comes all the same."""
    paper = papers["client"]
    done = subprocess.run(
        ["openssl", "s_client", "-quiet", "-CAfile", authority.certificate, "-cert",
         paper.certificate, "-key", paper.key, "-verify_return_error", "-connect",
         f"localhost:{shared_server.secure['zookeeper']}"],
        input=b"ruok", capture_output=True, timeout=20)
    assert done.stdout == b"imok", done.stderr


def test_https_asks_for_a_certificate_where_it_is_told_to(start, authority, papers):
    server = start("--https-client-auth=need")
    ca = ["--cacert", str(authority.certificate)]
    url = f"{server.https}/v1/status/leader"
    code, text = curl(*ca, url)
    assert code != 0 and "certificate" in text
    eventually(lambda: "it presented no certificate" in server.log())
    paper = papers["client"]
    code, text = curl(*ca, "--cert", str(paper.certificate), "--key", str(paper.key), url)
    assert code == 0, text
    words = ("status", "--address", server.https, "--ca-file", str(authority.certificate))
    code, text = roost(*words)
    assert code == 3 and "it wants a certificate, and got none" in text
    assert roost(*words, "--client-cert", str(paper.certificate), "--client-key",
                 str(paper.key))[0] == 0


def test_plain_ports_can_be_off(tmp_path, authority, papers):
    server = Secure(tmp_path / "off", papers["node"], authority)
    plain = dict(server.ports)
    server.ports["zookeeper"] = server.ports["http"] = -1
    server.spawn()
    try:
        def serves():
            code, text = roost("status", "--address", server.https, "--ca-file",
                               str(authority.certificate))
            return code == 0
        eventually(serves)
        client = server.kazoo(authority, papers["client"])
        client.start(10)
        client.stop()
        for port in ("zookeeper", "http"):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", plain[port]), 2)
        assert server.stop() == 0
    finally:
        server.discard()


# MARK: Clients that are refused

def test_a_client_of_another_authority_is_refused(shared_server, authority, stranger):
    """It trusts us; we do not trust it."""
    paper = stranger.client("mallory")
    with pytest.raises((ssl.SSLError, ConnectionError)) as refusal:
        with secure(shared_server.secure["zookeeper"], context(authority, paper)) as stream:
            assert ask(stream, b"ruok") != b"imok"
    assert "unknown ca" in str(refusal.value).lower().replace("_", " ")
    eventually(lambda: "CN=mallory (mallory), is not trusted here: its issuer is CN=Roost CA "
               in shared_server.log())


def test_an_expired_certificate_is_refused(shared_server, authority):
    with pytest.raises((ssl.SSLError, ConnectionError)) as refusal:
        with secure(shared_server.secure["zookeeper"],
                    context(authority, authority.expired("late"))) as stream:
            ask(stream, b"ruok")
    assert "certificate expired" in str(refusal.value).lower().replace("_", " ")
    eventually(lambda: "expired at" in shared_server.log() and "CN=late" in shared_server.log())


def test_no_certificate_is_refused(shared_server, authority):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with secure(shared_server.secure["zookeeper"], context(authority)) as stream:
            ask(stream, b"ruok")
    eventually(lambda: "it presented no certificate" in shared_server.log())


def test_a_client_that_does_not_trust_the_server_says_so(shared_server, stranger):
    with pytest.raises(ssl.SSLCertVerificationError):
        secure(shared_server.secure["https"], context(stranger))
    code, text = curl("--cacert", str(stranger.certificate), f"{shared_server.https}/v1/kv/x")
    assert code == 60
    # OpenSSL's clients do not always send their alert so that it can be read.
    eventually(lambda: "it does not know the authority of this side's certificate"
               in shared_server.log() or "it may not trust this side's certificate"
               in shared_server.log())


def test_old_versions_of_tls_are_refused(shared_server):
    for port in shared_server.secure.values():
        done = subprocess.run(
            ["openssl", "s_client", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-connect",
             f"localhost:{port}"], input=b"", capture_output=True, timeout=20)
        assert done.returncode != 0 and b"protocol version" in done.stderr
    eventually(lambda: "it speaks only versions of TLS before 1.2" in shared_server.log())


def test_a_plain_client_on_a_tls_port_is_told(shared_server):
    with socket.create_connection(("127.0.0.1", shared_server.secure["https"]), 5) as stream:
        answer = ask(stream, b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.0 400 Bad Request") and NOT_HTTPS in answer
    with socket.create_connection(("127.0.0.1", shared_server.secure["zookeeper"]), 5) as stream:
        assert ask(stream, b"ruok") == b""
    eventually(lambda: shared_server.log().count("it does not speak TLS") >= 2)


def test_a_tls_client_on_a_plain_port_is_refused_at_once(shared_server, authority):
    for port in (shared_server.ports["http"], shared_server.ports["zookeeper"]):
        began = time.monotonic()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            secure(port, context(authority))
        assert time.monotonic() - began < 3
    eventually(lambda: shared_server.alive())
    code, text = curl(f"https://localhost:{shared_server.ports['http']}/v1/kv/x")
    assert code == 35


# MARK: Nothing leaks

def test_slow_handshakes_end_and_leave_nothing(start, authority, papers):
    """The stages of a handshake at which a client stops: nothing, a byte, half a hello, and
    after the server's answer."""
    server = start()
    with secure(server.secure["https"], context(authority)) as stream:
        stream.unwrap()
    hello = client_hello()
    before = open_files(server.process.pid)
    began = time.monotonic()
    stuck = []
    for port in server.secure.values():
        for part in (b"", hello[:1], hello[:len(hello) // 2], hello):
            stuck += [socket.create_connection(("127.0.0.1", port), 5) for _ in range(10)]
            for stream in stuck[-10:]:
                stream.sendall(part)
    # Some of those before may have been ending.
    eventually(lambda: open_files(server.process.pid) >= before + len(stuck) - 5, 4)
    # Others are served meanwhile.
    assert curl("--cacert", str(authority.certificate), f"{server.https}/v1/status/leader")[0] == 0
    for stream in stuck:
        stream.settimeout(20)
        while stream.recv(65536):
            continue
    took = time.monotonic() - began
    assert 4 < took < 9, f"handshakes ended after {took:.1f} s; the bound is 5 s"
    eventually(lambda: open_files(server.process.pid) <= before, 10, "all descriptors are back")
    counts = server.pending()
    assert counts["https", "late"] == counts["zookeeper", "late"] == 40
    assert server.log().count("did not finish its handshake") <= 20, "a flood in the log"
    for stream in stuck:
        stream.close()


def test_a_stop_waits_for_nobody_who_has_not_finished(start, authority):
    """And closes connections that are open, in order."""
    server = start()
    stuck = [socket.create_connection(("127.0.0.1", port), 5)
             for port in server.secure.values() for _ in range(5)]
    for stream in stuck:
        stream.sendall(client_hello())
    idle = secure(server.secure["https"], context(authority))
    idle.sendall(b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(15) == b"HTTP/1.1 200 OK"
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5
    for stream in [*stuck, idle]:
        stream.close()


def test_secrets_are_in_no_log(start, authority, papers):
    server = start("--log-level=trace")
    client = server.kazoo(authority, papers["client"], auth_data=[("digest", "bob:sesame-1")])
    client.start(10)
    client.add_auth("digest", "eve:sesame-2")
    client.create("/kept", b"sesame-3")
    client.stop()
    assert curl("--cacert", str(authority.certificate), "-H", "X-Consul-Token: sesame-4",
                f"{server.https}/v1/kv/x?token=sesame-5")[0] == 0
    server.stop()
    keys = [p.read_text().splitlines()[1] for p in authority.directory.rglob("*key.pem")]
    for secret in ["sesame", *keys]:
        assert secret not in server.log()


def client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = context(None).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    return outgoing.read()


def is_over(stream: socket.socket) -> bool:
    """Whether the other side has ended the connection, and not only said nothing."""
    stream.setblocking(False)
    try:
        return stream.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def test_one_address_cannot_take_all_handshakes(start, authority):
    server = start()
    port = server.secure["https"]
    held = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(120)]
    # Twenty too many, whichever of them the node saw last.
    eventually(lambda: sum(map(is_over, held)) == 20, 4)
    # Another address has room.
    with socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.2", 0)) as raw:
        with context(authority).wrap_socket(raw, server_hostname="localhost") as stream:
            stream.sendall(b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n")
            assert stream.recv(15) == b"HTTP/1.1 200 OK"
    for stream in held:
        stream.close()

    def is_free():
        try:
            with secure(port, context(authority)):
                return True
        except OSError:
            return False
    eventually(is_free)
    assert server.pending()["https", "crowded"] >= 20


def damaged(hello: bytes, random: Random) -> bytes:
    """Still a record of a handshake, by its first byte."""
    changed = bytearray(hello[:random.randrange(1, len(hello) + 1)])
    for _ in range(random.randrange(1, 9)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes([hello[0], *changed[1:], *random.randbytes(random.randrange(50))])


def test_connections_that_come_and_go_leave_no_descriptors(start, authority, papers, seeded):
    """Ended in every way, of every kind."""
    server = start()
    ways = {
        "https": context(authority), "zookeeper": context(authority, papers["client"]),
        "foreign": context(authority), "garbage": None}
    with secure(server.secure["https"], ways["https"]) as stream:
        stream.unwrap()
    before = open_files(server.process.pid)
    for _ in range(200):
        way = seeded.choice(list(ways))
        port = server.secure["https" if way == "https" else "zookeeper"]
        try:
            if way == "garbage":
                with socket.create_connection(("127.0.0.1", port), 5) as stream:
                    stream.sendall(damaged(client_hello(), seeded))
                    stream.shutdown(socket.SHUT_WR)
                    while stream.recv(4096):
                        continue
                continue
            stream = secure(port, ways[way])
            if seeded.random() < 0.5:
                stream.sendall(b"ruok" if way == "zookeeper" else b"GET /v1/kv/x HTTP/1.1\r\n")
            if seeded.random() < 0.5:
                stream.settimeout(5)
                stream.unwrap()
            if seeded.random() < 0.3:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            stream.close()
        except OSError:
            continue
    eventually(lambda: open_files(server.process.pid) <= before, 10, "all descriptors are back")
    status, body = http_get(f"{server.http}/v1/agent/metrics?format=prometheus", 5)
    rows = [row for row in body.decode().splitlines() if row.startswith("roost_connections{")]
    assert all(int(float(row.split()[-1])) <= 1 for row in rows), rows


# MARK: New files

def serial(port: int, authority: Authority) -> str:
    with secure(port, context(authority)) as stream:
        return stream.getpeercert()["serialNumber"]


def test_a_new_certificate_is_taken_and_no_connection_drops(start, authority, papers):
    paper = authority.node("n1", folder="swap")
    server = start(paper=paper)
    first = serial(server.secure["https"], authority)
    how = context(authority, papers["client"])
    client = server.kazoo(authority, papers["client"])
    client.start(10)
    states = []
    client.add_listener(states.append)
    kept = secure(server.secure["https"], how)
    client.create("/before", b"1", ephemeral=True)
    paper.replace(authority.node("n1", folder="swapped"))
    eventually(lambda: serial(server.secure["https"], authority) != first, 10)
    eventually(lambda: "TLS has a new certificate" in server.log())
    # What was open goes on.
    kept.sendall(b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n")
    assert kept.recv(15) == b"HTTP/1.1 200 OK"
    client.set("/before", b"2")
    assert client.exists("/before") and not states
    # So does a load of short connections through a second swap, told by SIGHUP.
    failed, stop = [], threading.Event()

    def load():
        while not stop.is_set():
            try:
                with secure(server.secure["https"], how) as stream:
                    stream.sendall(b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n")
                    if stream.recv(15) != b"HTTP/1.1 200 OK":
                        failed.append("another answer")
            except OSError as error:
                failed.append(error)
    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    second = serial(server.secure["https"], authority)
    paper.replace(authority.node("n1", folder="third"))
    server.process.send_signal(1)
    eventually(lambda: serial(server.secure["https"], authority) != second, 10)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not failed, failed[:3]
    assert client.exists("/before") and not states
    kept.close()
    client.stop()


@pytest.mark.parametrize("kind", ["garbage", "empty", "missing", "foreign key", "expired", "cut"])
def test_broken_new_files_are_refused_and_the_old_ones_stay(start, authority, kind):
    paper = authority.node("n1", folder=f"broken-{kind.replace(' ', '-')}")
    server = start(paper=paper)
    first = serial(server.secure["https"], authority)
    good = paper.certificate.read_bytes(), paper.key.read_bytes()
    match kind:
        case "garbage": paper.certificate.write_bytes(b"\x00garbage" * 100)
        case "empty": paper.certificate.write_bytes(b"")
        case "missing": paper.key.unlink()
        case "foreign key":
            paper.key.write_bytes(authority.client(f"k-{os.getpid()}").key.read_bytes())
        case "expired": paper.replace(authority.expired("n1"))
        case "cut": paper.certificate.write_bytes(good[0][:len(good[0]) // 2])
    eventually(lambda: "the new files of TLS are refused" in server.log(), 10)
    assert serial(server.secure["https"], authority) == first
    time.sleep(2.5)
    assert server.log().count("the new files of TLS are refused") == 1, "told again and again"
    key = good[1].decode().split("\n")[1]
    assert key not in server.log()
    # A good one is taken afterwards.
    paper.replace(authority.node("n1", folder=f"mended-{kind.replace(' ', '-')}"))
    eventually(lambda: serial(server.secure["https"], authority) != first, 10)


def test_a_hangup_ends_no_node(launch):
    server = launch()
    server.process.send_signal(1)
    eventually(lambda: "without TLS there is nothing to read again" in server.log())
    assert server.alive() and server.serves()


# MARK: The start, and files

@pytest.mark.parametrize("words, reason", [
    (["--https-port=0"], "a certificate, for TLS"),
    (["--peer-tls=require"], "a certificate, for TLS"),
    (["--https-port=0", "--tls-cert=CERT", "--tls-key=KEY", "--https-client-auth=need"],
     "--tls-ca"),
    (["--https-port=0", "--tls-cert=CERT"], "--tls-key"),
    (["--https-port=0", "--tls-cert=CERT", "--tls-key=/none"], "there is no such file"),
    (["--https-port=0", "--tls-cert=KEY", "--tls-key=KEY"], "holds no certificate"),
    (["--https-port=0", "--tls-cert=CERT", "--tls-key=OTHER"], "is not the key of"),
    (["--peer-tls=require", "--tls-cert=CLIENT", "--tls-key=OTHER", "--tls-ca=CA"],
     "it lacks the name server.dc1.roost"),
    (["--peer-tls=require", "--tls-cert=CERT", "--tls-key=KEY", "--tls-ca=STRANGER"],
     "is not of an authority in"),
    (["--peer-tls=perhaps"], "off, accept, dial or require"),
    (["--http-port=-1"], "--https-port"),
])
def test_what_cannot_work_is_told_at_the_start(
        tmp_path, authority, stranger, papers, words, reason):
    files = {"CERT": papers["node"].certificate, "KEY": papers["node"].key,
             "CLIENT": papers["client"].certificate, "OTHER": papers["client"].key,
             "CA": authority.certificate, "STRANGER": stranger.certificate}
    said = []
    for word in words:
        flag, _, value = word.partition("=")
        said.append(f"{flag}={files.get(value, value)}")
    code, text = roost("server", f"--data-dir={tmp_path}/d", "--zookeeper-port=0", "--peer-port=0",
                       *([] if any("--http-port" in w for w in said) else ["--http-port=0"]), *said)
    assert code != 0 and reason in text, text


def test_files_are_private_and_open_keys_are_told(tmp_path, authority):
    paper = authority.node("n1", folder="open")
    paper.key.chmod(0o644)
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    server = Secure(tmp_path / "open", paper, authority)
    server.data = data
    previous = os.umask(0)
    try:
        server.start()
    finally:
        os.umask(previous)
    try:
        assert http_get(f"{server.http}/v1/status/leader")[0] == 200
        assert "every user of this machine can read the key" in server.log()
        assert "every user of this machine can look into the data directory" in server.log()
        found = [p for p in data.rglob("*")]
        assert found
        open_ones = [f"{p} {stat.S_IMODE(p.stat().st_mode):o}" for p in found
                     if stat.S_IMODE(p.stat().st_mode) & 0o077]
        assert not open_ones
    finally:
        server.discard()


def test_an_expired_certificate_does_not_keep_a_node_from_starting(start, authority):
    server = start(paper=authority.expired("old"))
    assert "the certificate has expired" in server.log()
    assert http_get(f"{server.http}/v1/status/leader")[0] == 200


def test_certificates_are_made_as_asked(tmp_path, authority):
    out = ("--out-dir", str(tmp_path))
    code, text = roost("tls", "create-ca", *out, "--name", "Mine", "--days", "10", "--json")
    assert code == 0
    made = json.loads(text)
    assert stat.S_IMODE(os.stat(made["key"]).st_mode) == 0o600
    assert roost("tls", "create-ca", *out)[0] == 4, "files are not replaced"
    assert roost("tls", "create-ca", *out, "--force")[0] == 0
    ca = ("--ca", made["certificate"], "--ca-key", made["key"])
    code, text = roost("tls", "create-cert", *ca, *out, "--node", "n7", "--dns", "a.example",
                       "--ip", "10.1.2.3", "--ip", "fd00::7", "--days", "400", "--json")
    assert code == 0, text
    paper = json.loads(text)
    shown = subprocess.run(["openssl", "x509", "-in", paper["certificate"], "-noout", "-text"],
                           capture_output=True, text=True, check=True).stdout
    for word in ("DNS:n7.server.dc1.roost, DNS:server.dc1.roost", "DNS:a.example",
                 "IP Address:10.1.2.3", "IP Address:FD00:0:0:0:0:0:0:7", "CA:FALSE"):
        assert word in shown, shown
    check = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", made["certificate"],
                            paper["certificate"]], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr
    for wrong in (["--node", "a", "--client", "b"], [], ["--node", "a", "--ip", "x"],
                  ["--node", "a", "--days", "0"], ["--node", "a/b"]):
        code, text = roost("tls", "create-cert", *ca, *out, *wrong)
        assert code == 4, (wrong, text)
    other = ("--ca", str(authority.certificate), "--ca-key", made["key"])
    code, text = roost("tls", "create-cert", *other, *out, "--node", "n8")
    assert code == 4 and "is not the key of" in text
