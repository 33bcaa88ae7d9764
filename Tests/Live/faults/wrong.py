"""Clusters made wrong on purpose: proxies before the nodes that break one promise each.

A check that finds nothing in these finds nothing at all. There are no faults in such a run, so that
what is found is the proxy's doing.
"""

import http.client
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from faults.clients.base import Place
from faults.network import run
from faults.nodes import Cluster
from jute import OP

EVENT_XID = -1
HEADER = struct.Struct(">iqi")
OLD_ANSWERS = 4
LATE_BY = 2


class Proxy:
    """Passes everything on as it is. One for each node; what is wrong overrides a method."""

    def __init__(self, target: Place) -> None:
        self.target = target
        self.dice = random.Random(target.name)
        self.place = Place(target.name, self._listen_to_zookeeper(), self._listen_to_http())

    # Consul's side: one answer for one request.

    def answer(self, method: str, path: str, body: bytes, forward: Callable):
        return forward()

    @staticmethod
    def act(cluster: Cluster, seconds: float) -> None:
        """What is done to the nodes themselves, once."""
        time.sleep(seconds)

    def _listen_to_http(self) -> tuple[str, int]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                self.onward = http.client.HTTPConnection(*proxy.target.http, timeout=30)

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))

                def forward() -> tuple[int, dict[str, str], bytes]:
                    self.onward.request(self.command, self.path, body=body or None)
                    reply = self.onward.getresponse()
                    return reply.status, dict(reply.getheaders()), reply.read()

                try:
                    status, headers, content = proxy.answer(self.command, self.path, body, forward)
                except (OSError, http.client.HTTPException):
                    self.close_connection = True  # the node went; its client sees the same
                    return
                self.send_response(status)
                self.send_header("X-Consul-Index", headers.get("X-Consul-Index", "0"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_DELETE = pass_on

            def log_message(self, *words: object) -> None:
                """The clients write down what they see."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_address

    # ZooKeeper's side: frames in both directions.

    def upward(self, frame: bytes, link: "FrameLink") -> list[bytes]:
        """What the server gets of a client's frame."""
        return [frame]

    def downward(self, frame: bytes, link: "FrameLink") -> list[bytes]:
        """What the client gets of a server's frame."""
        return [frame]

    def _listen_to_zookeeper(self) -> tuple[str, int]:
        listener = socket.create_server(("127.0.0.1", 0))

        def accept() -> None:
            while True:
                client, _ = listener.accept()
                threading.Thread(target=FrameLink(self, client).run, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()


class FrameLink:
    """One client's connection to a node, frame by frame."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self.proxy, self.client = proxy, client
        self.server: socket.socket | None = None
        self.held: list[bytes] = []
        self.waits = 0
        self.asked: dict[int, tuple[int, bytes]] = {}

    def run(self) -> None:
        try:
            self.server = socket.create_connection(self.proxy.target.zookeeper, 5)
        except OSError:
            self.client.close()
            return
        self.server.settimeout(None)
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self.pump, daemon=True,
                         args=(self.server, self.client, self.proxy.downward)).start()
        self.pump(self.client, self.server, self.proxy.upward)

    def pump(self, source: socket.socket, target: socket.socket, judge: Callable) -> None:
        first = True
        try:
            while frame := self.read_frame(source):
                out = [frame] if first else judge(frame, self)
                first = False
                for one in out:
                    target.sendall(struct.pack(">i", len(one)) + one)
        except OSError:
            pass  # either end may go at any time
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is gone already

    @staticmethod
    def read_frame(source: socket.socket) -> bytes:
        data = b""
        want = 4
        while len(data) < want:
            chunk = source.recv(want - len(data))
            if not chunk:
                return b""
            data += chunk
            if want == 4 == len(data):
                want += struct.unpack(">i", data)[0]
        return data[4:]


def xid_of(frame: bytes) -> int:
    return struct.unpack_from(">i", frame)[0]


class StaleReads(Proxy):
    """Answers some reads of a key as it answered them long ago."""

    def __init__(self, target: Place) -> None:
        super().__init__(target)
        self.old: dict[str, list] = {}

    def answer(self, method: str, path: str, body: bytes, forward: Callable):
        given = forward()
        if method == "GET" and path.startswith("/v1/kv/k") and "index=" not in path:
            kept = self.old.setdefault(path, [])
            kept.append(given)
            if len(kept) > OLD_ANSWERS and self.dice.random() < 0.1:
                return kept[-OLD_ANSWERS]
        return given


class FalseAcknowledgements(Proxy):
    """Says that it wrote what it did not."""

    def answer(self, method: str, path: str, body: bytes, forward: Callable):
        if method == "PUT" and path.startswith("/v1/kv/k") and self.dice.random() < 0.05:
            return 200, {}, b"true"
        return forward()


class LostAdditions(Proxy):
    """Loses keys that are only ever added."""

    def answer(self, method: str, path: str, body: bytes, forward: Callable):
        if method == "PUT" and path.startswith("/v1/kv/appended/") and self.dice.random() < 0.05:
            return 200, {}, b"true"
        return forward()


class NodesDiffer(Proxy):
    """One node does not have the newest of all keys."""

    def answer(self, method: str, path: str, body: bytes, forward: Callable):
        status, headers, content = forward()
        if self.target.name == "n1" and "recurse&stale" in path and status == 200:
            content = json.dumps(json.loads(content)[:-1]).encode()
        return status, headers, content


class TwoHolders(Proxy):
    """Gives a lock to two sessions."""

    def answer(self, method: str, path: str, body: bytes, forward: Callable):
        status, headers, content = forward()
        if "acquire=" in path and content == b"false" and self.dice.random() < 0.1:
            content = b"true"
        return status, headers, content


class IndexGoesBack(Proxy):
    def answer(self, method: str, path: str, body: bytes, forward: Callable):
        status, headers, content = forward()
        if "index=" in path and self.dice.random() < 0.2:
            headers["X-Consul-Index"] = "1"
        return status, headers, content


class LostEvents(Proxy):
    def downward(self, frame: bytes, link: FrameLink) -> list[bytes]:
        return [] if xid_of(frame) == EVENT_XID else [frame]


class DoubledEvents(Proxy):
    def downward(self, frame: bytes, link: FrameLink) -> list[bytes]:
        return [frame, frame] if xid_of(frame) == EVENT_XID else [frame]


class UntrueEvents(Proxy):
    """Says of each change that it was one of the children."""

    def downward(self, frame: bytes, link: FrameLink) -> list[bytes]:
        if xid_of(frame) == EVENT_XID:
            frame = frame[:HEADER.size] + struct.pack(">i", 4) + frame[HEADER.size + 4:]
        return [frame]


class LateEvents(Proxy):
    """Tells of the change after the data that it led to."""

    def downward(self, frame: bytes, link: FrameLink) -> list[bytes]:
        if xid_of(frame) == EVENT_XID:
            link.held.append(frame)
            link.waits = LATE_BY
            return []
        link.waits -= 1
        if link.held and link.waits <= 0:
            out, link.held = [frame, *link.held], []
            return out
        return [frame]


class ZxidGoesBack(Proxy):
    def downward(self, frame: bytes, link: FrameLink) -> list[bytes]:
        xid, zxid, error = HEADER.unpack_from(frame)
        if xid > 0 and self.dice.random() < 0.01:
            frame = HEADER.pack(xid, max(1, zxid - 500), error) + frame[HEADER.size:]
        return [frame]


class RolledBack(Proxy):
    """All nodes fall back to the disks that they had a while ago: what was acknowledged since is
    lost, as if it had never been synced."""

    @staticmethod
    def act(cluster: Cluster, seconds: float) -> None:
        for node in cluster.nodes:
            node.kill()
            run("cp", "-a", "--sparse=always", node.data, f"{node.data}.old")
            node.start()
        time.sleep(seconds)
        for node in cluster.nodes:
            node.kill()
        for node in cluster.nodes:
            run("rm", "-rf", node.data)
            run("mv", f"{node.data}.old", node.data)
            node.start()


class EphemeralsVanish(Proxy):
    """Now and then an ephemeral is not there for a moment."""

    def upward(self, frame: bytes, link: FrameLink) -> list[bytes]:
        xid, kind = struct.unpack_from(">ii", frame)
        if kind == OP["getData"] and b"/ephemeral-" in frame:
            link.asked[xid] = (kind, frame)
        return [frame]

    def downward(self, frame: bytes, link: FrameLink) -> list[bytes]:
        xid, zxid, _ = HEADER.unpack_from(frame)
        if link.asked.pop(xid, None) and self.dice.random() < 0.05:
            return [HEADER.pack(xid, zxid, -101)]
        return [frame]


class EphemeralsLinger(Proxy):
    """Closing a session is acknowledged and not done."""

    def upward(self, frame: bytes, link: FrameLink) -> list[bytes]:
        xid, kind = struct.unpack_from(">ii", frame)
        if kind != OP["closeSession"]:
            return [frame]
        reply = HEADER.pack(xid, 1 << 40, 0)
        link.client.sendall(struct.pack(">i", len(reply)) + reply)
        return []


@dataclass(frozen=True)
class Wrong:
    """A broken promise, and how the violation must be told for it to count as found."""

    proxy: type[Proxy]
    words: tuple[str, ...]

    def __call__(self, places: list[Place]) -> "WrongCluster":
        return WrongCluster([self.proxy(place) for place in places])

    def finds(self, violations: list[str]) -> str | None:
        """The violation that was to be found. Of a proxy that does no wrong there is to be none."""
        if not self.words:
            return "nothing, as it must be" if not violations else None
        return next((v for v in violations if all(w in v for w in self.words)), None)


@dataclass
class WrongCluster:
    proxies: list[Proxy]

    @property
    def places(self) -> list[Place]:
        return [proxy.place for proxy in self.proxies]

    def act(self, cluster: Cluster, seconds: float) -> None:
        self.proxies[0].act(cluster, seconds)


WRONGS = {
    "nothing": Wrong(Proxy, ()),
    "stale-reads": Wrong(StaleReads, ("key/", "not linearizable")),
    "false-acks": Wrong(FalseAcknowledgements, ("key/", "not linearizable")),
    "lost-additions": Wrong(LostAdditions, ("lost", "acknowledged keys")),
    "rolled-back": Wrong(RolledBack, ("lost", "acknowledged")),
    "nodes-differ": Wrong(NodesDiffer, ("n1 and", "differ in 1 places")),
    "two-holders": Wrong(TwoHolders, ("lock/", "not linearizable")),
    "index-goes-back": Wrong(IndexGoesBack, ("the index of", "went back")),
    "lost-events": Wrong(LostEvents, ("no event came before",)),
    "doubled-events": Wrong(DoubledEvents, ("events for one watch",)),
    "untrue-events": Wrong(UntrueEvents, ("which its watch does not tell of",)),
    "late-events": Wrong(LateEvents, ("no event came before",)),
    "zxid-goes-back": Wrong(ZxidGoesBack, ("went back from zxid",)),
    "ephemerals-vanish": Wrong(EphemeralsVanish, ("znode/ephemeral", "not linearizable")),
    "ephemerals-linger": Wrong(EphemeralsLinger, ("znode/ephemeral", "not linearizable")),
}
