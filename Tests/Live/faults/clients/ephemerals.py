"""Sessions that own ephemerals, end well or badly, and others that look whether these are there."""

import threading
import time
from dataclasses import dataclass

from faults.clients.base import Lost, World
from faults.clients.znodes import ZooKeeperClient
from faults.history import Operation

EPHEMERAL = 1
# Short ones end in the faults, long ones survive them.
TIMEOUTS_MS = [6000, 4000, 2500]


@dataclass
class Ending:
    """How an ephemeral's session ended without closeSession."""

    path: str
    created: Operation
    contact: float  # when the last request was sent that the session answered
    abandoned: float  # when its client fell silent; 0: the server said that it is over
    timeout_ms: int


class Nursery:
    """The ephemerals that observers look at."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.paths: list[str] = []
        self.endings: list[Ending] = []

    def add(self, path: str) -> None:
        with self.lock:
            self.paths = [*self.paths[-11:], path]

    def end(self, ending: Ending) -> None:
        with self.lock:
            self.endings.append(ending)


class EphemeralOwner(ZooKeeperClient):
    kind = "owner"

    def __init__(self, world: World, number: int, nursery: Nursery) -> None:
        self.timeout_ms = TIMEOUTS_MS[number % len(TIMEOUTS_MS)]
        super().__init__(world, number)
        self.nursery = nursery
        self.path = ""
        self.created: Operation | None = None
        self.written = 0.0
        self.lives_until = 0.0

    def step(self) -> None:
        if not self.path:
            self.give_birth()
        elif time.monotonic() < self.lives_until:
            self.live()
        else:
            self.die()

    def give_birth(self) -> None:
        self.link.connected()
        path = f"/ephemeral-{self.value()}"
        self.path = path
        self.lives_until = time.monotonic() + self.dice.choice([1, 3, 6, 12])
        self.nursery.add(path)
        self.written = time.monotonic()
        self.created = self.begin(path, "create", "born")
        self.create(path, "born", EPHEMERAL, self.created)

    def live(self) -> None:
        """A write goes through the log: its answer shows that the session was alive then."""
        called = time.monotonic()
        if self.set(self.path, self.value(), -1) >= 0:
            self.written = called

    def die(self) -> None:
        if self.dice.random() < 0.5:
            operation = self.begin(self.path, "delete", -1)
            path, self.path = self.path, ""
            called = time.monotonic()
            try:
                frame = self.link.ask("closeSession")
                operation.told(frame.err, frame.zxid)
            except Lost:
                self.link.contact = 0  # closed or not: it may be gone at once
                self.leave_behind(path, called)
            self.link.forget()
            return
        path, self.path = self.path, ""
        self.leave_behind(path, time.monotonic())
        self.link.forget()

    def leave_behind(self, path: str, since: float) -> None:
        """The session may be over at any time from its last sign of life on."""
        self.note_end(path)
        self.nursery.end(Ending(path, self.created, self.link.contact, since,
                                self.link.timeout_ms))

    def note_end(self, path: str) -> None:
        end = self.history.begin(f"znode{path}", "expire", client=self.name)
        end.called = self.written

    def expired(self) -> None:
        if self.path:
            self.note_end(self.path)
            self.nursery.end(Ending(self.path, self.created, self.link.contact, 0,
                                    self.link.timeout_ms))
        self.path = ""

    def leave(self) -> None:
        """Closes the session if it can, so that no ephemeral is left when nothing should be."""
        if self.path:
            self.leave_behind(self.path, time.monotonic())
        super().leave()


class Observer(ZooKeeperClient):
    kind = "observer"

    def __init__(self, world: World, number: int, nursery: Nursery) -> None:
        super().__init__(world, number)
        self.nursery = nursery

    def step(self) -> None:
        paths = self.nursery.paths
        if not paths:
            self.link.ask("ping", xid=-2)
            return
        self.read_now(self.dice.choice(paths[-6:]))
