"""Clients of Consul's keys: registers that are judged, and keys that are only ever added."""

import base64
import itertools
import threading
from urllib.parse import quote

from faults.clients.base import Client, Lost, World
from faults.history import Operation

OPERATIONS_MAX = 160
UNKNOWN_MAX = 6


class Registers:
    """The keys in use. One that was used for long, or whose fate is often unknown, makes way for
    a new one, so that the search for its order ends soon."""

    def __init__(self, prefix: str, count: int) -> None:
        self.prefix = prefix
        self.lock = threading.Lock()
        self.generations = [itertools.count(1) for _ in range(count)]
        self.names = [self._next(i) for i in range(count)]
        self.used: dict[str, int] = {}
        self.unknown: dict[str, int] = {}

    def _next(self, slot: int) -> str:
        return f"{self.prefix}{slot}-{next(self.generations[slot])}"

    def take(self, slot: int) -> str:
        with self.lock:
            name = self.names[slot]
            self.used[name] = self.used.get(name, 0) + 1
            if self.used[name] > OPERATIONS_MAX or self.unknown.get(name, 0) >= UNKNOWN_MAX:
                self.names[slot] = self._next(slot)
            return name

    def doubt(self, name: str) -> None:
        with self.lock:
            self.unknown[name] = self.unknown.get(name, 0) + 1


class KeyClient(Client):
    kind = "key"

    def __init__(self, world: World, number: int, registers: Registers) -> None:
        super().__init__(world, number)
        self.registers = registers
        self.seen: dict[str, tuple[str | None, int]] = {}

    def turn(self) -> None:
        if self.dice.random() < 0.2:
            self.move()
        connection = self.connection(self.place)
        key = self.registers.take(self.dice.randrange(len(self.registers.names)))
        kind = self.dice.choices(["read", "put", "cas", "delete", "delete-cas"],
                                 [50, 20, 20, 5, 5])[0]
        if kind in ("cas", "delete-cas") and key not in self.seen:
            kind = "read"
        try:
            self.do(kind, connection, key)
        except Lost:
            if kind != "read":
                self.registers.doubt(key)
            raise

    def do(self, kind: str, connection, key: str) -> None:
        actions = {"read": self.read_key, "put": self.put, "cas": self.cas,
                   "delete": self.delete, "delete-cas": self.delete_cas}
        actions[kind](connection, key)

    def begin(self, key: str, kind: str, *arguments: str | None) -> Operation:
        return self.history.begin(f"key/{key}", kind, *arguments, client=self.name,
                                  node=self.place.name)

    def read_key(self, connection, key: str) -> None:
        mode = self.dice.choice(["?consistent", ""])
        operation = self.begin(key, "read", mode)
        answer = self.ask(connection, self.place, "GET", f"/v1/kv/{quote(key)}{mode}")
        if answer.status == 404:
            operation.told(None)
            self.seen[key] = (None, 0)
        elif answer.status == 200:
            entry = answer.json()[0]
            value = base64.b64decode(entry["Value"] or "").decode()
            operation.told(value, entry["ModifyIndex"])
            self.seen[key] = (value, entry["ModifyIndex"])
        else:
            self.refused(answer)

    def refused(self, answer) -> None:
        """500 is the answer of a cluster in need; all else is none of Consul's."""
        if answer.status != 500:
            self.history.violate(f"{self.name}: {answer.status} {answer.body[:200]!r}")
        self.history.count(f"HTTP {answer.status} {answer.body[:40].decode(errors='replace')}")
        raise Lost

    def write(self, connection, operation: Operation, method: str, path: str,
              body: str = "") -> None:
        answer = self.ask(connection, self.place, method, path, body)
        if answer.status != 200:
            self.refused(answer)
        operation.told(answer.json())
        if operation.kind in ("put", "delete") and operation.result is not True:
            self.history.violate(f"{self.name}: {operation.kind} answered {answer.body!r}")

    def put(self, connection, key: str) -> None:
        value = self.value()
        self.write(connection, self.begin(key, "put", value), "PUT", f"/v1/kv/{quote(key)}", value)

    def cas(self, connection, key: str) -> None:
        expected, index = self.seen[key]
        value = self.value()
        self.write(connection, self.begin(key, "cas", expected, value), "PUT",
                   f"/v1/kv/{quote(key)}?cas={index}", value)

    def delete(self, connection, key: str) -> None:
        self.write(connection, self.begin(key, "delete"), "DELETE", f"/v1/kv/{quote(key)}")

    def delete_cas(self, connection, key: str) -> None:
        expected, index = self.seen[key]
        if expected is None:
            return  # cas=0 does nothing, in Consul too
        self.write(connection, self.begin(key, "delete-cas", expected), "DELETE",
                   f"/v1/kv/{quote(key)}?cas={index}")


class KeyAppender(Client):
    """Adds keys; each that was acknowledged must be on every node at the end."""

    kind = "key-appender"

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.acknowledged: list[str] = []

    def turn(self) -> None:
        connection = self.connection(self.place)
        key = f"appended/{self.value()}"
        filling = "x" * self.dice.choice([10, 200, 4000])
        answer = self.ask(connection, self.place, "PUT", f"/v1/kv/{key}", f"{key}:{filling}")
        if answer.status == 200 and answer.body.strip() == b"true":
            self.acknowledged.append(key)
        elif answer.status == 500:
            raise Lost
        else:
            self.history.violate(f"{self.name}: {answer.status} {answer.body[:200]!r}")
