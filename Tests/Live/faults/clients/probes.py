"""Probes: does this node take writes now, and whom does it take for the leader?"""

import threading
import time
from dataclasses import dataclass, field

from faults.clients.base import Client, Expired, Lost, Place, Unasked, World, ZooKeeperLink
from faults.models import NO_NODE
from jute import create_body, set_body

PROBE_SECONDS = 2.0


@dataclass
class Signs:
    """When each node last took a write: by protocol and name, the time at which it was asked."""

    asked: dict[tuple[str, str], float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, protocol: str, name: str, asked: float) -> None:
        with self.lock:
            self.asked[protocol, name] = asked

    def since(self, protocol: str, name: str, moment: float) -> bool:
        """It has taken a write that it was asked for after this moment."""
        return self.asked.get((protocol, name), 0) >= moment


class KeyProbe(Client):
    kind = "key-probe"

    def __init__(self, world: World, number: int, place: Place, signs: Signs) -> None:
        super().__init__(world, number)
        self.place, self.signs = place, signs

    def move(self) -> None:
        """It has one node to ask."""

    def turn(self) -> None:
        called = time.monotonic()
        connection = self.connection(self.place, PROBE_SECONDS)
        answer = self.ask(connection, self.place, "PUT", f"/v1/kv/probe/{self.place.name}",
                          self.value())
        if answer.status == 200:
            self.signs.note("Consul", self.place.name, called)


class ZnodeProbe(Client):
    kind = "znode-probe"

    def __init__(self, world: World, number: int, place: Place, signs: Signs) -> None:
        super().__init__(world, number)
        self.place, self.signs = place, signs
        self.link = ZooKeeperLink(self, 4000)

    def move(self) -> None:
        """It has one node to ask."""

    def turn(self) -> None:
        path = f"/probe-{self.place.name}"
        try:
            called = time.monotonic()
            frame = self.link.ask("setData", set_body(path, self.value().encode()),
                                  seconds=PROBE_SECONDS)
            if frame.err == NO_NODE:
                self.link.ask("create", create_body(path, b"probe"), seconds=PROBE_SECONDS)
            if frame.err == 0:
                self.signs.note("ZooKeeper", self.place.name, called)
        except Expired:
            self.link.forget()
        except (Lost, Unasked):
            self.link.abandon()
            raise

    def leave(self) -> None:
        self.link.abandon()


class ElectionWatch(Client):
    """Notes when a node begins to take another one for the leader."""

    kind = "election-watch"

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.changes: list[float] = []
        self.known: dict[str, bytes] = {}

    def turn(self) -> None:
        for place in self.world.places:
            try:
                connection = self.connection(place, 1)
                answer = self.ask(connection, place, "GET", "/v1/status/leader")
            except (Lost, Unasked):
                continue
            if self.known.get(place.name) != answer.body:
                self.known[place.name] = answer.body
                self.changes.append(time.monotonic())
