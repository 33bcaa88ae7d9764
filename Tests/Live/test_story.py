"""The story that operators are promised: three nodes with TLS under load; somebody spoils a znode;
the leader's data directory is copied while it serves; the copy tells who did it and what was there
before; and a new cluster starts from before.

`ROOST_BIN` says which Roost tells it: Tools/package has the packaged one do it.
"""

import json
import ssl
import threading
import time
import urllib.request

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from certificates import Authority, arguments
from cluster import Cluster, members
from servers import eventually, free_port
from test_roost_log import run_tool

pytestmark = pytest.mark.roost_only
WRITERS = 4
LOAD_SECONDS = 3


class Secured:
    """Three nodes that speak TLS with each other and with their clients."""

    def __init__(self, directory):
        self.authority = Authority(directory / "authority")
        self.client = self.authority.client("app")
        self.cluster = Cluster(directory, 3)
        for node in self.cluster.nodes:
            node.secure = {k: free_port() for k in ("https", "zookeeper")}
            node.arguments += [
                "--peer-tls=require", f"--https-port={node.secure['https']}",
                f"--zookeeper-secure-port={node.secure['zookeeper']}", "--https-client-auth=need",
                *arguments(self.authority.node(node.name), self.authority)]

    def kazoo(self, nodes) -> KazooClient:
        hosts = ",".join(f"localhost:{n.secure['zookeeper']}" for n in nodes)
        client = KazooClient(hosts, use_ssl=True, ca=str(self.authority.certificate),
                             certfile=str(self.client.certificate), keyfile=str(self.client.key))
        client.start(20)
        return client

    def put(self, node, key: str, value: bytes) -> bool:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.load_cert_chain(self.client.certificate, self.client.key)
        request = urllib.request.Request(
            f"https://localhost:{node.secure['https']}/v1/kv/{key}", data=value, method="PUT")
        with urllib.request.urlopen(request, timeout=10, context=context) as reply:
            return reply.read() == b"true"


class Load:
    """Programs that go on writing over both protocols, and what they were acknowledged."""

    def __init__(self, secured: Secured):
        self.secured = secured
        self.stopping = threading.Event()
        self.acknowledged: dict[str, bytes] = {}
        self.threads = [threading.Thread(target=self._write, args=(i,)) for i in range(WRITERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *failure):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)

    def _write(self, number: int) -> None:
        nodes = self.secured.cluster.nodes
        client = self.secured.kazoo([nodes[number % 3]])
        turn = 0
        while not self.stopping.is_set():
            turn += 1
            path, value = f"/load/{number}-{turn}", str(turn).encode()
            try:
                client.create(path, value, makepath=True)
                self.acknowledged[path] = value
                self.secured.put(nodes[turn % 3], f"load/{number}", value)
            except KazooException:
                continue
        client.stop()
        client.close()


@pytest.fixture
def secured(tmp_path):
    made = Secured(tmp_path)
    made.cluster.start()
    yield made
    print(made.cluster.log())
    made.cluster.discard()


def lines(directory, *words, code=0):
    text = run_tool(*words, f"--data-dir={directory}", "--json", code=code).stdout
    return [json.loads(line) for line in text.splitlines()]


def test_the_story(secured, launch, tmp_path):
    owner = secured.kazoo(secured.cluster.nodes)
    owner.create("/config", b"mode=careful")
    with Load(secured) as load:
        time.sleep(LOAD_SECONDS / 2)
        before = owner.get("/config")[1].mzxid
        saved = dict(load.acknowledged)
        somebody = secured.kazoo(secured.cluster.nodes)
        culprit = f"{somebody.client_id[0]:#x}"
        somebody.set("/config", b"mode=reckless")
        began = time.time()
        spoilt = somebody.get("/config")[1].mzxid
        time.sleep(LOAD_SECONDS / 2)
        leader = secured.cluster.leader()
        copy = tmp_path / "copy"
        run_tool("copy", copy, f"--data-dir={leader.data}")
        somebody.stop()
        eventually(lambda: members(leader).get(leader.name, {}).get("Voter"), 10, "it serves on")
    owner.stop()
    assert len(load.acknowledged) > len(saved) > 10, "there was no load"

    # Who, when, and from where.
    rows = lines(copy, "history", "/config", "--exact")
    assert [r["result"] for r in rows] == ["done", "done"]
    assert rows[1]["index"] == spoilt and rows[1]["session"] == culprit
    assert rows[1]["client"].startswith("127.0.0.1:")
    assert rows[1]["before"]["value"] == "mode=careful"
    assert rows[1]["after"]["value"] == "mode=reckless"
    assert lines(copy, "verify")[-1]["verdict"] == "clean"

    # The tree before the change, and a new cluster from there.
    then = lines(copy, "state", "--at", spoilt - 1, "--path", "/config")
    assert [z["value"] for z in then] == ["mode=careful"]
    target = tmp_path / "before"
    assert lines(copy, "state", "--at", spoilt - 1, "--write-directory", target)
    restored = launch(data=target)
    client = KazooClient(hosts=restored.zookeeper)
    client.start(20)
    assert client.get("/config")[0] == b"mode=careful"
    assert client.get("/config")[1].mzxid == before
    for path, value in saved.items():
        assert client.get(path)[0] == value, f"{path} was acknowledged before the change"
    client.set("/config", b"mode=careful again")
    client.stop()
    client.close()
    assert time.time() - began < 120
