"""Clients of znodes that are judged as registers, and of znodes that are only ever added."""

import time

from faults.clients.base import ANSWER_SECONDS, Client, Expired, Lost, World, ZooKeeperLink
from faults.clients.keys import Registers
from faults.history import Operation
from faults.models import BAD_VERSION, NO_NODE, NODE_EXISTS
from jute import Frame, Reader, create_body, delete_body, path_watch, set_body, ustring

TIMEOUT_MS = 6000
# -1 system error (the disk is full), -4 connection lost, -5 and others would be none of these.
IN_NEED = {-1, -4, -127}


class ZooKeeperClient(Client):
    """One session at a time; a new one when it is over."""

    timeout_ms = TIMEOUT_MS

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.link = ZooKeeperLink(self, self.timeout_ms)

    def turn(self) -> None:
        try:
            self.step()
        except Expired:
            self.history.count("sessions expired")
            self.expired()
            self.link.forget()
            self.move()

    def step(self) -> None:
        raise NotImplementedError

    def expired(self) -> None:
        """The session is over."""

    def leave(self) -> None:
        self.link.abandon()

    def begin(self, path: str, kind: str, *arguments: object) -> Operation:
        """Once there is a connection: what could not be sent did not happen."""
        self.link.connected()
        return self.history.begin(f"znode{path}", kind, *arguments, client=self.name,
                                  node=self.place.name)

    def sound(self, frame: Frame, *expected: int) -> Frame:
        if frame.err in (0, *expected):
            return frame
        self.history.count(f"ZooKeeper {frame.err}")
        if frame.err not in IN_NEED:
            self.history.violate(f"{self.name}: error {frame.err} at {self.place.name}")
        raise Lost

    def create(self, path: str, value: str, flags: int = 0,
               operation: Operation | None = None) -> int:
        operation = operation or self.begin(path, "create", value)
        frame = self.link.ask("create", create_body(path, value.encode(), flags=flags))
        self.sound(frame, NODE_EXISTS)
        operation.told(frame.err, frame.zxid)
        return frame.err

    def set(self, path: str, value: str, version: int) -> int:
        """The new version, or the error."""
        operation = self.begin(path, "set", value, version)
        frame = self.sound(self.link.ask("setData", set_body(path, value.encode(), version)),
                           NO_NODE, BAD_VERSION)
        if frame.err:
            operation.told(frame.err, frame.zxid)
            return frame.err
        stat = Reader(frame.body).stat()
        operation.told(stat.version, frame.zxid)
        if stat.mzxid != frame.zxid:
            self.history.violate(f"{self.name}: {path} was set at {frame.zxid} and says "
                                 f"{stat.mzxid}")
        self.link.saw(path, stat.mzxid)
        return stat.version

    def delete(self, path: str, version: int) -> None:
        operation = self.begin(path, "delete", version)
        frame = self.sound(self.link.ask("delete", delete_body(path, version)),
                           NO_NODE, BAD_VERSION)
        operation.told(frame.err, frame.zxid)

    def read_now(self, path: str) -> tuple[str, int] | None:
        """sync, and right behind it the read that profits from it: no older than its call."""
        operation = self.begin(path, "read")
        called = time.monotonic()
        first = self.link.send("sync", ustring(path))
        second = self.link.send("getData", path_watch(path))
        synced = self.link.reply(first, ANSWER_SECONDS, called)
        frame = self.link.reply(second)
        self.sound(synced)
        self.sound(frame, NO_NODE)
        result = None
        if not frame.err:
            reader = Reader(frame.body)
            data, stat = reader.buffer(), reader.stat()
            result = (data.decode(), stat.version)
            self.link.saw(path, stat.mzxid)
            operation.zxid = stat.mzxid
        operation.told(result, operation.zxid)
        return result

    def read_here(self, path: str) -> tuple[str, int] | None:
        """As old as the node is, but never older than what this session saw."""
        self.link.connected()
        frame = self.sound(self.link.ask("getData", path_watch(path)), NO_NODE)
        if frame.err:
            return None
        reader = Reader(frame.body)
        data, stat = reader.buffer(), reader.stat()
        self.link.saw(path, stat.mzxid)
        return data.decode(), stat.version


class ZnodeClient(ZooKeeperClient):
    kind = "znode"

    def __init__(self, world: World, number: int, registers: Registers) -> None:
        super().__init__(world, number)
        self.registers = registers
        self.versions: dict[str, int] = {}

    def step(self) -> None:
        if self.dice.random() < 0.02:
            self.link.abandon()  # the session moves on
            self.move()
        path = "/" + self.registers.take(self.dice.randrange(len(self.registers.names)))
        kind = self.dice.choices(["read", "here", "set", "swap", "create", "delete"],
                                 [35, 20, 20, 15, 7, 3])[0]
        try:
            self.do(kind, path)
        except Lost:
            if kind not in ("read", "here"):
                self.registers.doubt(path[1:])
            raise

    def do(self, kind: str, path: str) -> None:
        version = self.versions.get(path, 0)
        if kind == "read":
            seen = self.read_now(path)
        elif kind == "here":
            seen = self.read_here(path)
        elif kind == "set":
            seen = (None, self.set(path, self.value(), -1))
        elif kind == "swap":
            seen = (None, self.set(path, self.value(), version))
        elif kind == "create":
            self.create(path, self.value())
            return
        else:
            self.delete(path, self.dice.choice([-1, version]))
            return
        if seen is None or seen[1] == NO_NODE:
            self.create(path, self.value())
        elif seen[1] >= 0:
            self.versions[path] = seen[1]


class ZnodeAppender(ZooKeeperClient):
    """Adds znodes, pipelined; each that was acknowledged must be on every node at the end."""

    kind = "znode-appender"
    burst = 4

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.acknowledged: list[str] = []
        self.parent_made = False

    def step(self) -> None:
        if not self.parent_made:
            frame = self.link.ask("create", create_body("/appended", b""))
            self.sound(frame, NODE_EXISTS)
            self.parent_made = True
        sent = {}
        for _ in range(self.burst):
            path = f"/appended/{self.value()}"
            sent[self.link.send("create", create_body(path, path.encode()))] = path
        last = 0
        for xid, path in sent.items():
            frame = self.sound(self.link.reply(xid))
            if frame.zxid <= last:
                self.history.violate(f"{self.name}: {path} at {frame.zxid}, after {last}")
            last = frame.zxid
            self.acknowledged.append(path)
