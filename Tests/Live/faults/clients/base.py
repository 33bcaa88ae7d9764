"""What every client has: the nodes, the history, dice, and connections that break."""

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from faults.history import History
from jute import Closed, Frame, Reader, Session, connect_body

ANSWER_SECONDS = 4.0
CONNECT_SECONDS = 1.0
BREAKS = (OSError, http.client.HTTPException, Closed)


class Place(NamedTuple):
    """Where a client finds a node: the node itself, or what stands before it."""

    name: str
    zookeeper: tuple[str, int]
    http: tuple[str, int]


@dataclass
class World:
    """What the clients of one run share."""

    places: list[Place]
    history: History
    seed: int
    pace_seconds: float
    stopping: threading.Event = field(default_factory=threading.Event)
    calm: threading.Event = field(default_factory=threading.Event)


class Lost(Exception):
    """No answer came: what was asked may have happened or not."""


class Unasked(Exception):
    """There was no connection: nothing was asked."""


class Expired(Exception):
    """The session is over."""


class Answer(NamedTuple):
    status: int
    index: int
    body: bytes
    headers: dict[str, str]

    def json(self):
        return json.loads(self.body)


class Client(threading.Thread):
    """`turn` is called until the run stops. What it raises beyond Lost and Unasked is a finding."""

    kind = "client"

    def __init__(self, world: World, number: int) -> None:
        super().__init__(name=f"{self.kind}{number}", daemon=True)
        self.world, self.history = world, world.history
        self.dice = random.Random(f"{world.seed}/{self.name}")
        self.count = itertools.count(1)
        self.connections: dict[str, http.client.HTTPConnection] = {}
        self.place = self.dice.choice(world.places)

    def run(self) -> None:
        while not self.world.stopping.is_set():
            try:
                self.turn()
            except (Lost, Unasked):
                self.move()
            except Exception as failure:  # shown as what it is: the run fails with it
                self.history.violate(f"{self.name} met {type(failure).__name__}: {failure}")
                self.move()
            self.rest()
        self.leave()

    def turn(self) -> None:
        raise NotImplementedError

    def leave(self) -> None:
        """The run is over."""

    def rest(self, times: float = 1) -> None:
        pace = self.world.pace_seconds * times
        self.world.stopping.wait(pace * (0.5 + self.dice.random()))

    def move(self) -> None:
        self.place = self.dice.choice(self.world.places)

    def value(self) -> str:
        """One that nobody else writes."""
        return f"{self.name}.{next(self.count)}"

    def connection(self, place: Place, seconds: float = ANSWER_SECONDS):
        open_one = self.connections.get(place.name)
        if open_one is None:
            open_one = http.client.HTTPConnection(*place.http, timeout=CONNECT_SECONDS)
            try:
                open_one.connect()
            except OSError as failure:
                raise Unasked from failure
            self.connections[place.name] = open_one
        open_one.sock.settimeout(seconds)
        return open_one

    def ask(self, connection, place: Place, method: str, path: str,
            body: str | bytes = "") -> Answer:
        """Lost, and the connection gone, where no whole answer comes."""
        try:
            connection.request(method, path, body=body or None)
            reply = connection.getresponse()
            content = reply.read()
            headers = dict(reply.getheaders())
            if headers.get("Connection", "").lower() == "close":
                self.drop(place)
            return Answer(reply.status, int(headers.get("X-Consul-Index", 0)), content, headers)
        except BREAKS as failure:
            self.drop(place)
            raise Lost from failure

    def drop(self, place: Place) -> None:
        if gone := self.connections.pop(place.name, None):
            gone.close()

    def send(self, method: str, path: str, body: str | bytes = "") -> Answer:
        """For what is in no history."""
        return self.ask(self.connection(self.place), self.place, method, path, body)


class ZooKeeperLink:
    """One ZooKeeper session, carried from node to node as client libraries do."""

    def __init__(self, client: Client, timeout_ms: int,
                 greet: Callable[[Session], None] | None = None) -> None:
        self.client, self.history = client, client.history
        self.wish, self.greet = timeout_ms, greet
        self.session: Session | None = None
        self.forget()

    def forget(self) -> None:
        self.abandon()
        self.id, self.password, self.last_zxid, self.contact = 0, bytes(16), 0, 0.0
        self.timeout_ms = self.wish
        self.newest: dict[str, int] = {}

    def abandon(self) -> None:
        """Without a word: the session goes on without its client."""
        if self.session:
            self.session.abandon()
        self.session = None

    def connected(self) -> Session:
        if self.session is None:
            self._connect()
        return self.session

    def _connect(self) -> None:
        place = self.client.place
        host, port = place.zookeeper
        try:
            session = Session(f"{host}:{port}", handshake=False, seconds=CONNECT_SECONDS)
        except OSError as failure:
            raise Unasked from failure
        called = time.monotonic()
        try:
            session.send_frame(connect_body(self.wish, self.id, self.password, self.last_zxid))
            reader = Reader(session.read_frame(ANSWER_SECONDS))
        except BREAKS as failure:
            session.abandon()
            raise Unasked from failure
        reader.int()
        timeout, number, password = reader.int(), reader.long(), reader.buffer()
        if number == 0 or timeout <= 0:
            session.abandon()
            raise Expired
        if self.id and number != self.id:
            self.history.violate(f"{self.client.name}: session {self.id:x} became {number:x}")
        self.history.count("sessions moved" if self.id else "sessions opened")
        self.timeout_ms, self.id, self.password = timeout, number, password
        self.contact = called
        try:
            if self.greet:
                self.greet(session)
        except BREAKS as failure:
            session.abandon()
            raise Unasked from failure
        self.session = session

    def send(self, kind: str, body: bytes = b"", xid: int | None = None) -> int:
        session = self.connected()
        try:
            return session.send(kind, body, xid)
        except BREAKS as failure:
            self.abandon()
            raise Lost from failure

    def reply(self, xid: int, seconds: float = ANSWER_SECONDS, called: float = 0) -> Frame:
        try:
            frame = self.session.reply(xid, seconds)
        except BREAKS as failure:
            self.abandon()
            raise Lost from failure
        if called:
            self.contact = max(self.contact, called)
        self.see(frame)
        return frame

    def see(self, frame: Frame) -> None:
        """A session's zxids never go back, also over a change of the node."""
        if frame.zxid < self.last_zxid and frame.xid >= 0:
            self.history.violate(f"{self.client.name}: session {self.id:x} went back from zxid "
                                 f"{self.last_zxid} to {frame.zxid} at {self.client.place.name}")
        self.last_zxid = max(self.last_zxid, frame.zxid)

    def ask(self, kind: str, body: bytes = b"", xid: int | None = None,
            seconds: float = ANSWER_SECONDS) -> Frame:
        session = self.connected()
        called = time.monotonic()
        assert session is self.session
        return self.reply(self.send(kind, body, xid), seconds, called)

    def saw(self, path: str, mzxid: int) -> None:
        """What a session has seen of a znode it does not see undone."""
        if mzxid < self.newest.get(path, 0):
            self.history.violate(f"{self.client.name}: {path} went back from "
                                 f"{self.newest[path]} to {mzxid} at {self.client.place.name}")
        self.newest[path] = max(self.newest.get(path, 0), mzxid)
