"""Contenders for Consul's locks, by the rules of its own client library."""

import base64
import json
import threading
import time
from dataclasses import dataclass

from faults.clients.base import Answer, Client, Lost, World
from faults.clients.keys import UNKNOWN_MAX
from faults.history import Operation

TTL_SECONDS = 10
# Long enough that sessions run out of their time meanwhile.
OPERATIONS_MAX = 1200


class Locks:
    """The locks in use, each replaced when it has a long history."""

    def __init__(self, count: int) -> None:
        self.lock = threading.Lock()
        self.used = [0] * count
        self.unknown = [0] * count
        self.generation = [1] * count

    def take(self, slot: int) -> str:
        with self.lock:
            self.used[slot] += 1
            if self.used[slot] > OPERATIONS_MAX or self.unknown[slot] >= UNKNOWN_MAX:
                self.used[slot] = self.unknown[slot] = 0
                self.generation[slot] += 1
            return f"lock{slot}-{self.generation[slot]}"

    def doubt(self, slot: int) -> None:
        with self.lock:
            self.unknown[slot] += 1


@dataclass
class Holding:
    session: str
    key: str
    ttl: bool
    lazy: bool  # it never asks for more time
    renewed: float  # when the last request was sent that gave it its full time
    alive: float  # when the last request was sent whose answer shows that the session lived


class LockClient(Client):
    kind = "lock"

    def __init__(self, world: World, number: int, locks: Locks) -> None:
        super().__init__(world, number)
        self.locks = locks
        self.slot = number % len(locks.used)
        self.mine: Holding | None = None

    def turn(self) -> None:
        key = self.locks.take(self.slot)
        if self.mine is None or self.mine.key != key:
            self.end_session()
            self.open_session(key)
            return
        kind = self.dice.choices(["acquire", "release", "read", "renew", "end"],
                                 [440, 250, 257, 50, 3])[0]
        if kind == "read":
            self.read(key)
        elif kind == "renew":
            if not self.mine.lazy:
                self.renew()
        elif kind == "end":
            self.end_session()
        else:
            self.change(kind, key)

    def begin(self, key: str, kind: str, *arguments: str) -> Operation:
        return self.history.begin(f"lock/{key}", kind, *arguments, client=self.name,
                                  node=self.place.name)

    def open_session(self, key: str) -> None:
        ttl, lazy = self.dice.random() < 0.5, self.dice.random() < 0.5
        # No checks: by default a session ends with its node's serfHealth, which a node that is cut
        # off or paused for 5 s loses, and rightly.
        wish = {"LockDelay": "0s", "Name": self.name, "Checks": []}
        wish |= {"TTL": f"{TTL_SECONDS}s"} if ttl else {}
        called = time.monotonic()
        answer = self.send("PUT", "/v1/session/create", json.dumps(wish))
        if answer.status != 200:
            self.in_need(answer)
        self.mine = Holding(answer.json()["ID"], key, ttl, lazy, called, called)

    def in_need(self, answer: Answer) -> None:
        if answer.status != 500:
            self.history.violate(f"{self.name}: {answer.status} {answer.body[:200]!r}")
        raise Lost

    def end_session(self) -> None:
        """Its locks are free with it, whether the answer comes or not."""
        if self.mine is None:
            return
        self.connection(self.place)
        mine, self.mine = self.mine, None
        self.may_have_ended(mine)
        operation = self.begin(mine.key, "end", mine.session)
        answer = self.send("PUT", f"/v1/session/destroy/{mine.session}")
        if answer.status != 200:
            self.in_need(answer)
        operation.told(True)

    def change(self, kind: str, key: str) -> None:
        mine, value = self.mine, self.value()
        self.connection(self.place)
        operation = self.begin(key, kind, mine.session, value)
        called = time.monotonic()
        try:
            answer = self.send("PUT", f"/v1/kv/{key}?{kind}={mine.session}", value)
        except Lost:
            self.locks.doubt(self.slot)
            raise
        if answer.status == 200:
            operation.told(answer.json())
            if kind == "acquire" or operation.result:
                mine.alive = called  # a release is false too where there is no such session
            self.history.count(f"locks {kind}d" if operation.result else f"locks not {kind}d")
        elif answer.status == 500 and b"invalid session" in answer.body:
            with self.history.lock:
                self.history.operations.remove(operation)
            self.out_of_time()
        else:
            self.locks.doubt(self.slot)
            self.in_need(answer)

    def renew(self) -> None:
        called = time.monotonic()
        answer = self.send("PUT", f"/v1/session/renew/{self.mine.session}")
        if answer.status == 200:
            self.mine.renewed = called
        elif answer.status == 404:
            self.out_of_time()
        else:
            self.in_need(answer)

    def out_of_time(self) -> None:
        """Only time ends a session that its client did not end."""
        mine, self.mine = self.mine, None
        age = time.monotonic() - mine.renewed
        if not mine.ttl or age < TTL_SECONDS:
            self.history.violate(f"{self.name}: session {mine.session} is gone {age:.1f} s after "
                                 f"it was given its time, which is {'10 s' if mine.ttl else 'all'}")
        self.may_have_ended(mine)
        self.history.count("lock sessions out of time")

    def may_have_ended(self, mine: Holding) -> None:
        """Its time may have run out, unseen, since it was last known to be alive."""
        if mine.ttl:
            self.begin(mine.key, "end", mine.session).called = mine.alive

    def read(self, key: str) -> None:
        self.connection(self.place)
        operation = self.begin(key, "read", "?consistent")
        answer = self.send("GET", f"/v1/kv/{key}?consistent")
        if answer.status == 404:
            operation.told((None, None))
            return
        if answer.status != 200:
            self.in_need(answer)
        entry = answer.json()[0]
        value = base64.b64decode(entry["Value"] or "").decode()
        operation.told((entry.get("Session"), value), entry["ModifyIndex"])
        operation.arguments = ("?consistent", entry["LockIndex"])

    def leave(self) -> None:
        """The session is left to its time, or for ever: the run is over."""
        if self.mine:
            self.may_have_ended(self.mine)
