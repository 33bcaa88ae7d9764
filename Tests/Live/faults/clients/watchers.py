"""Watchers of both protocols: an event comes once, and before the data that caused it."""

import base64
import time

from faults.clients.base import ANSWER_SECONDS, Client, Expired, Lost, Unasked, World, ZooKeeperLink
from faults.clients.keys import Registers
from faults.clients.znodes import ZooKeeperClient
from faults.models import NO_NODE
from jute import Reader, Session, long, path_watch, ustring, vector

SET_WATCHES_XID = -8
WAIT_SECONDS = 4
NOTHING = -1
CREATED, DELETED, CHANGED = 1, 2, 3


def untrue(kinds: list[int], armed_at: int, now: int) -> str:
    """What the events say that cannot be, of a znode that had this mzxid when its watch was set,
    and has that one behind them; 0 where there was or is none."""
    possible = {DELETED, CHANGED} if armed_at else {CREATED}
    if strange := [kind for kind in kinds if kind not in possible]:
        return f"events of kinds {strange}, which its watch does not tell of"
    if kinds and armed_at and now == armed_at:
        return "an event although nothing has changed"
    return ""


class Watcher(ZooKeeperClient):
    """Arms a watch, and reads on the same session until the watch's event has come. It compares
    what it reads with what it read when it armed: a change must not be seen before its event."""

    kind = "watcher"

    def __init__(self, world: World, number: int, registers: Registers) -> None:
        super().__init__(world, number)
        self.link = ZooKeeperLink(self, self.timeout_ms, self.set_watches)
        self.registers = registers
        self.path = ""
        self.armed_at = NOTHING  # the mzxid that was there when the watch was set; 0: no znode

    def set_watches(self, session: Session) -> None:
        """As a client library does when it has moved: what it missed is told at once."""
        if self.armed_at == NOTHING:
            return
        data = [ustring(self.path)] if self.armed_at else []
        exists = [] if self.armed_at else [ustring(self.path)]
        body = long(self.link.last_zxid) + vector(data) + vector(exists) + vector([])
        session.send("setWatches", body, SET_WATCHES_XID)
        session.reply(SET_WATCHES_XID, ANSWER_SECONDS)

    def step(self) -> None:
        if self.armed_at == NOTHING:
            self.arm()
        else:
            self.look()
        if self.dice.random() < 0.02:
            self.link.abandon()
            self.move()

    def mzxid(self, watch: bool) -> int:
        """0 where there is no znode; a watch is set in both cases."""
        kind = "exists" if watch and self.dice.random() < 0.3 else "getData"
        frame = self.sound(self.link.ask(kind, path_watch(self.path, watch)), NO_NODE)
        if not frame.err:
            reader = Reader(frame.body)
            if kind == "getData":
                reader.buffer()
            stat = reader.stat()
            self.link.saw(self.path, stat.mzxid)
            return stat.mzxid
        if watch and kind == "getData":
            frame = self.sound(self.link.ask("exists", path_watch(self.path, True)), NO_NODE)
            return 0 if frame.err else Reader(frame.body).stat().mzxid
        return 0

    def arm(self) -> None:
        """An answer that is lost may have left a watch: only with a new session all is known."""
        self.path = "/" + self.registers.names[self.dice.randrange(len(self.registers.names))]
        try:
            armed = self.mzxid(True)
        except (Lost, Unasked):
            self.link.abandon()
            raise
        if early := self.link.session.taken_events():
            self.history.violate(f"{self.name}: events for no watch: {early}")
        self.armed_at = armed
        self.history.count("watches set")

    def look(self) -> None:
        self.link.connected()
        # Events that the connection itself brought are there already.
        now = self.mzxid(False)
        events = self.link.session.taken_events()
        if strange := [e for e in events if e.path != self.path]:
            self.history.violate(f"{self.name}: events for no watch: {strange}")
        if len(events) > 1:
            self.history.violate(f"{self.name}: {len(events)} events for one watch of {self.path}:"
                                 f" {events}")
        if wrong := untrue([e.kind for e in events], self.armed_at, now):
            self.history.violate(f"{self.name}: {self.path} was {self.armed_at} when its watch was "
                                 f"set, is {now} at {self.place.name}: {wrong}")
        if not events and now != self.armed_at:
            self.history.violate(
                f"{self.name}: {self.path} was {self.armed_at} when its watch was set, is {now} "
                f"at {self.place.name}, and no event came before")
        if events or now != self.armed_at:
            self.history.count("watch events", len(events))
            self.armed_at = NOTHING
            self.be_quiet()

    def be_quiet(self) -> None:
        """No second event comes of a watch that has told."""
        self.link.ask("ping", xid=-2)
        again = [e for e in self.link.session.taken_events() if e.path == self.path]
        if again:
            self.history.violate(f"{self.name}: a watch of {self.path} told again: {again}")

    def expired(self) -> None:
        self.armed_at = NOTHING

    def last_look(self) -> None:
        """After all is healed: what has changed must have been told."""
        if self.armed_at == NOTHING:
            return
        deadline = time.monotonic() + 3 * ANSWER_SECONDS
        while time.monotonic() < deadline:
            try:
                self.link.ask("sync", ustring(self.path))
                self.look()
                self.history.count("watches looked at last")
                return
            except (Lost, Unasked):
                self.link.abandon()
                self.move()
            except Expired:
                return
        self.history.violate(f"{self.name}: no node answers after all is healed")


class Blocker(Client):
    """Consul's blocking queries: the index never goes back, and what is told is in the history."""

    kind = "blocker"

    def __init__(self, world: World, number: int, registers: Registers) -> None:
        super().__init__(world, number)
        self.registers = registers
        self.key, self.index = "", 0

    def turn(self) -> None:
        names = self.registers.names
        if self.key not in names:
            self.key, self.index = self.dice.choice(names), 0
        path = f"/v1/kv/{self.key}?index={self.index}&wait={WAIT_SECONDS}s"
        connection = self.connection(self.place, ANSWER_SECONDS + 2 * WAIT_SECONDS)
        operation = self.history.begin(f"key/{self.key}", "read", "blocking", client=self.name,
                                       node=self.place.name)
        answer = self.ask(connection, self.place, "GET", path)
        if answer.status == 500:
            raise Lost
        if answer.status == 200:
            entry = answer.json()[0]
            operation.told(base64.b64decode(entry["Value"] or "").decode(), entry["ModifyIndex"])
        elif answer.status == 404:
            operation.told(None)
        else:
            self.history.violate(f"{self.name}: {answer.status} {answer.body[:200]!r}")
        if answer.index < self.index:
            self.history.violate(f"{self.name}: the index of {self.key} went back from "
                                 f"{self.index} to {answer.index} at {self.place.name}")
        self.history.count("blocking queries woken" if answer.index > self.index
                           else "blocking queries timed out")
        self.index = answer.index
        if self.dice.random() < 0.2:
            self.move()
