"""Clients under load that say what failed beyond what their own library retries by itself.

What counts as a failure, for each of them:
- kazoo: an exception out of `client.retry`, which KazooClient gives with its defaults and which
  goes on after lost connections alone; a lost session; an operation of more than SLOW_SECONDS.
- py-consul: any answer but 200, however short the trouble (its library retries no status). Its
  HTTP library retries connections that are refused or end without an answer (urllib3's Retry,
  mounted as its documents say): of a client of one node as long as that is away, of a client with
  a list by going to the next node, each once in a round.
- raw: an error in a reply; a session that is not taken up again; an acknowledged write that is
  lost; a connection that ends although the node at its other end was not told to.
"""

import itertools
import logging
import threading
import time

import consul
import requests
from kazoo.client import KazooClient, KazooState
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from jute import Closed, Reader, Session, create_body, path_watch, set_body

logging.getLogger("urllib3").setLevel(logging.ERROR)
SLOW_SECONDS = 8
VALUE = "v" * 200


class Client(threading.Thread):
    """Works until it is told to stop; `failures` is what an operator would hear of."""

    kind = "client"

    def __init__(self, name, nodes):
        super().__init__(name=name, daemon=True)
        self.nodes = nodes
        self.failures, self.done, self.moves, self.slowest = [], 0, 0, 0.0
        self.stopping = threading.Event()

    def run(self):
        try:
            self.open()
            while not self.stopping.is_set():
                started = time.monotonic()
                self.work(self.done)
                self.slowest = max(self.slowest, time.monotonic() - started)
                self.done += 1
            self.close()
        except Exception as error:  # whatever it is, the test shall show it
            self.failures.append(f"{self.name}, operation {self.done}: {error!r}")

    def open(self):
        """Before the first operation."""

    def close(self):
        """After the last one: what was acknowledged must be there."""

    def work(self, number):
        raise NotImplementedError

    def check(self):
        if self.slowest > SLOW_SECONDS:
            self.failures.append(f"{self.name}: an operation took {self.slowest:.1f} s")
        return self.failures


class Kazoo(Client):
    """A lock holder as kazoo's recipes are: an ephemeral node, and writes by `client.retry`."""

    def open(self):
        hosts = ",".join(n.zookeeper for n in self.nodes)
        self.client = KazooClient(hosts, timeout=10)
        self.client.add_listener(self._hear)
        self.client.start()
        self.session = self.client.client_id[0]
        self.client.create(f"/{self.name}", b"", makepath=True)
        self.client.create(f"/{self.name}/mine", b"", ephemeral=True)
        self.seen = []

        @self.client.DataWatch(f"/{self.name}")
        def note(data, stat):
            self.seen.append(int(data or 0))

    def _hear(self, state):
        if state == KazooState.LOST and not self.stopping.is_set():
            self.failures.append(f"{self.name}: its session is lost")
        self.moves += state == KazooState.SUSPENDED

    def work(self, number):
        path = f"/{self.name}"
        self.client.retry(self.client.set, path, str(number).encode())
        data, _ = self.client.retry(self.client.get, path)
        assert int(data) == number, f"wrote {number} and read {data}"
        owner = self.client.retry(self.client.exists, f"{path}/mine").owner_session_id
        assert owner == self.session, "the ephemeral node is of another session"

    def close(self):
        last = self.done - 1
        deadline = time.monotonic() + 10
        while self.seen[-1] != last and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.seen[-1] == last, f"the watch's last word is {self.seen[-1]}, not {last}"
        assert self.seen == sorted(self.seen), "the watch went back"
        self.client.stop()
        self.client.close()


def consul_of(node, retries):
    """py-consul, whose HTTP library goes on where a connection failed; never after an answer."""
    client = consul.Consul("127.0.0.1", node.ports["http"])
    client.http.session.mount("http://", HTTPAdapter(max_retries=Retry(
        total=None, connect=retries, read=retries, other=retries, status=0, redirect=0,
        backoff_factor=0.05, backoff_max=0.1)))
    return client


class Pinned(Client):
    """A client of the agent beside it, which is restarted with it."""

    def __init__(self, name, nodes, own):
        super().__init__(name, nodes)
        self.own = own

    def open(self):
        self.consul = consul_of(self.own, retries=150)

    def work(self, number):
        assert self.consul.kv.put(self.name, f"{number} {VALUE}") is True
        for mode in ("default", "consistent"):
            _, found = self.consul.kv.get(self.name, consistency=mode)
            told = int(found["Value"].split()[0])
            assert told == number, f"wrote {number} and read {told} ({mode})"


class Listed(Client):
    """A client that knows all nodes and goes to the next one when a connection fails it."""

    def __init__(self, name, nodes):
        super().__init__(name, nodes)
        self.turn = sum(map(ord, name)) % len(nodes)
        self.clients = [consul_of(n, retries=0) for n in nodes]

    def ask(self, question):
        for _ in self.clients:
            try:
                return question(self.clients[self.turn % len(self.clients)])
            except requests.exceptions.ConnectionError as error:
                failure = error
                self.moves += 1
                self.turn += 1
        raise failure

    def work(self, number):
        assert self.ask(lambda c: c.kv.put(self.name, f"{number} {VALUE}")) is True
        _, found = self.ask(lambda c: c.kv.get(self.name))
        told = int(found["Value"].split()[0])
        assert told == number, f"wrote {number} and read {told}"


class Waiting(Listed):
    """A blocking query after the other, beside a writer: its index only grows."""

    def __init__(self, name, nodes, watched):
        super().__init__(name, nodes)
        self.watched, self.index, self.last = watched, 0, -1

    def work(self, number):
        index, found = self.ask(lambda c: c.kv.get(self.watched, index=self.index, wait="1s"))
        assert int(index) >= self.index, f"the index went from {self.index} to {index}"
        self.index = int(index)
        if found:
            told = int(found["Value"].split()[0])
            assert told >= self.last, f"the value went from {self.last} to {told}"
            self.last = told


class Raw(Client):
    """ZooKeeper's wire by hand, eight writes in flight, with one session from node to node."""

    def __init__(self, name, nodes, seconds=10):
        super().__init__(name, nodes)
        self.turn = itertools.count(sum(map(ord, name)))
        self.session, self.timeout, self.last_zxid = None, seconds * 1000, 0
        self.acknowledged, self.next = -1, 0

    def open(self):
        self._connect()
        self.session.create(f"/{self.name}", b"-1")

    def _connect(self):
        deadline = time.monotonic() + SLOW_SECONDS
        known = {} if self.session is None else {
            "session": self.session.id, "password": self.session.password,
            "last_zxid": self.last_zxid}
        while time.monotonic() < deadline:
            self.at = self.nodes[next(self.turn) % len(self.nodes)]
            self.starts = self.at.starts
            try:
                session = Session(self.at.zookeeper, timeout=self.timeout, **known)
            except (OSError, Closed, AssertionError):
                time.sleep(0.02)
                continue
            assert session.id != 0, "the session has expired"
            self.session = session
            return
        raise AssertionError(f"no node took the session within {SLOW_SECONDS} s")

    def work(self, number):
        try:
            self._write_eight()
        except (OSError, Closed):
            if not self.at.departing and self.at.starts == self.starts:
                self.failures.append(f"{self.name}: {self.at.name} ended a connection by itself")
            self.moves += 1
            self._connect()
            self._look()

    def _write_eight(self):
        sent = {}
        for value in range(self.next, self.next + 8):
            self.next = value + 1  # sent or not: the connection may end in between
            sent[self.session.send("setData", set_body(f"/{self.name}", b"%d" % value))] = value
        while sent:
            frame = self.session.read()
            if frame.xid == -1:
                continue
            assert frame.err == 0, f"error {frame.err}"
            self.last_zxid = max(self.last_zxid, frame.zxid)
            self.acknowledged = sent.pop(frame.xid)

    def _look(self):
        """Not older than what was acknowledged, nor newer than what was asked for."""
        found = self.session.must("getData", path_watch(f"/{self.name}"))
        told = int(found.buffer())
        assert self.acknowledged <= told < self.next, (self.acknowledged, told, self.next)

    def close(self):
        self._look()
        self.session.close()


class Population:
    """All kinds of them at once: `with Population(nodes, pinned): restart the nodes`."""

    def __init__(self, nodes, pinned):
        listed = [Listed(f"listed{n}", nodes) for n in range(2)]
        self.clients = [
            *(Kazoo(f"kazoo{n}", nodes) for n in range(2)),
            *(Pinned(f"pinned-{n.name}", nodes, n) for n in pinned),
            *listed, Waiting("waiting", nodes, listed[0].name),
            *(Raw(f"raw{n}", nodes) for n in range(3))]

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def work_on(self, seconds=20):
        """Until each of them has done something more."""
        before = {c: c.done for c in self.clients}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if all(c.done > before[c] or not c.is_alive() for c in self.clients):
                return
            time.sleep(0.01)
        raise AssertionError(f"idle: {[c.name for c in self.clients if c.done == before[c]]}")

    def __exit__(self, *failure):
        for client in self.clients:
            client.stopping.set()
        for client in self.clients:
            client.join(40)

    def failures(self):
        hanging = [f"{c.name} hangs" for c in self.clients if c.is_alive()]
        return hanging + [f for c in self.clients for f in c.check()]

    def report(self):
        return "\n".join(
            f"{c.name}: {c.done} rounds, {c.moves} moves, slowest {c.slowest * 1000:.0f} ms"
            for c in self.clients)
