"""The promises about order, under a random load of clients that pipeline: a client's answers come in the order of its
questions, its events in the order of the log, an event before the data that caused it, a client reads its own writes;
and every watch fires exactly when, and as often as, the log of all writes says that it must."""

import select
from collections import defaultdict, deque, namedtuple

import pytest

from jute import (CHANGED, CHILDREN, CREATED, DELETED, Reader, Session, create_body, delete_body, integer, multi_body,
                  multi_results, operation, path_watch, set_body, ustring)

NODES, CLIENTS, WINDOW = 6, 4, 150
Asked = namedtuple("Asked", "xid op path steps value")
Change = namedtuple("Change", "zxid place kind path")  # place: the step of a multi


def parent(path):
    return path.rsplit("/", 1)[0] or "/"


class Client:
    """One session, its questions under way, and what it has seen."""

    def __init__(self, address, root, number):
        self.wire = Session(address)
        self.own = f"{root}/own{number}"
        self.wire.create(self.own, b"0")
        self.asked = deque()
        self.arrived = []  # ("event", zxid, kind, path) and ("armed", zxid, watch, path), in the order of arrival
        self.changes = []
        self.counted = 0  # the last value written to `own`
        self.last_reply = self.last_event = 0

    # Questions.

    def ask(self, op, body, path=None, steps=(), value=None):
        self.asked.append(Asked(self.wire.send(op, body), op, path, steps, value))

    def ask_something(self, random, paths):
        path = random.choice(paths)
        choice = random.randrange(12)
        if choice < 2:
            self.ask("create", create_body(path, b"x"), path)
        elif choice < 4:
            self.ask("delete", delete_body(path), path)
        elif choice < 5:
            self.ask("setData", set_body(path, b"y" * random.randrange(40)), path)
        elif choice < 6:
            self.ask_multi(random, paths)
        elif choice < 8:
            op = random.choice(("getData", "exists"))
            self.ask(op, path_watch(path, True), path, value="data")
        elif choice < 9:
            op = random.choice(("getChildren", "getChildren2"))
            target = random.choice((path, parent(path)))
            self.ask(op, path_watch(target, True), target, value="child")
        elif choice < 10:
            self.counted += 1
            self.ask("setData", set_body(self.own, b"%d" % self.counted), self.own)
        elif choice < 11:
            self.ask("getData", path_watch(self.own), self.own, value=b"%d" % self.counted)
        else:
            self.ask(*random.choice((("sync", ustring(path)), ("ping", b""))), path)

    def ask_multi(self, random, paths):
        steps = []
        for _ in range(random.randrange(1, 4)):
            path = random.choice(paths)
            steps.append(random.choice((
                ("create", path, create_body(path)), ("delete", path, delete_body(path)),
                ("setData", path, set_body(path, b"m")), ("setData", self.own + "m", set_body(self.own + "m", b"m")))))
        self.ask("multi", multi_body(*(operation(op, body) for op, _, body in steps)), steps=steps)

    # Answers.

    def readable(self):
        if self.wire.received:
            return True
        return bool(select.select([self.wire.socket], [], [], 0)[0])

    def hear(self):
        frame = self.wire.read()
        if frame.xid == -1:
            return self.hear_event(frame)
        asked = self.asked.popleft()
        assert frame.xid == (-2 if asked.op == "ping" else asked.xid), f"the answer to {frame.xid} in place of {asked}"
        if frame.err == 0 or asked.op not in ("create", "delete", "setData", "multi"):
            assert frame.zxid >= self.last_reply, f"an answer from the past: {frame} after {self.last_reply:#x}"
            assert frame.zxid >= self.last_event, f"{asked} was answered from before an event that had been sent"
            self.last_reply = frame.zxid
        self.understand(asked, frame)

    def hear_event(self, frame):
        event = self.wire.event(frame)
        assert frame.zxid >= self.last_event, "an event out of the order of the log"
        assert frame.zxid > self.last_reply, f"{event} of {frame.zxid:#x} after an answer of {self.last_reply:#x}"
        self.last_event = frame.zxid
        self.arrived.append(("event", frame.zxid, event.kind, event.path))

    def understand(self, asked, frame):
        if asked.value in ("data", "child"):
            if frame.err == 0 or (asked.op == "exists" and frame.err == -101):
                self.arrived.append(("armed", frame.zxid, asked.value, asked.path))
        elif asked.value is not None:
            assert Reader(frame.body).buffer() == asked.value, "a client does not read its own write"
        elif frame.err == 0:
            self.note_changes(asked, frame)

    def note_changes(self, asked, frame):
        if asked.op == "multi":
            if all(kind != -1 for kind, _, _ in multi_results(frame.body)):
                for place, (op, path, _) in enumerate(asked.steps):
                    self.changes.append(Change(frame.zxid, place, op, path))
        elif asked.op in ("create", "delete", "setData"):
            self.changes.append(Change(frame.zxid, 0, asked.op, asked.path))


def expected_events(changes, arrived):
    """The events of one-shot watches: armed at one zxid, they fire at the first change after it."""
    armed = defaultdict(deque)  # (watch, path) -> zxids at which it was set, in order
    for what, zxid, watch, path in arrived:
        if what == "armed":
            armed[watch, path].append(zxid)

    def fires(watch, path, zxid):
        """Whether it was set before this change, and has not fired since."""
        settings, is_set = armed[watch, path], False
        while settings and settings[0] < zxid:
            settings.popleft()
            is_set = True
        return is_set

    events = []
    for zxid, _, op, path in changes:
        if op == "setData":
            if fires("data", path, zxid):
                events.append((zxid, CHANGED, path))
            continue
        own = [fires(watch, path, zxid) for watch in (("data",) if op == "create" else ("data", "child"))]
        if any(own):
            events.append((zxid, CREATED if op == "create" else DELETED, path))
        if fires("child", parent(path), zxid):
            events.append((zxid, CHILDREN, parent(path)))
    return events


def run(clients, observer, random, paths, count):
    for _ in range(count):
        client = random.choice(clients)
        for _ in range(random.randrange(1, 12)):
            client.ask_something(random, paths)
        while len(client.asked) > WINDOW:
            client.hear()
        other = random.choice(clients + [observer])
        if not other.asked:
            other.ask("ping", b"")  # so that nobody's session ends
        while other.readable() and random.random() < 0.9:
            other.hear()
    for client in clients:
        while client.asked:
            client.hear()
    for client in clients + [observer]:  # for the last events
        client.ask("ping", b"")
        while client.asked:
            client.hear()


def test_order_holds_under_pipelining_clients(zookeeper, root, seeded, is_long):
    paths = [f"{root}/n{n}" for n in range(NODES)] + [f"{root}/n{n}/c" for n in range(NODES)]
    clients = [Client(zookeeper.zookeeper, root, number) for number in range(CLIENTS)]
    for client in clients:
        client.wire.create(client.own + "m")
    observer = Client(zookeeper.zookeeper, root, "observer")
    observer.wire.add_watch(root, 1)
    run(clients, observer, seeded, paths, 20_000 if is_long else 1_500)
    changes = sorted(change for client in clients for change in client.changes)
    assert len({change.zxid for change in changes}) > 200, "the load wrote too little to show anything"

    names = {"create": CREATED, "delete": DELETED, "setData": CHANGED}
    seen = [event[1:] for event in observer.arrived]
    assert seen == [(change.zxid, names[change.kind], change.path) for change in changes], (
        "the recursive watch did not see exactly what was written")
    fired = 0
    for client in clients:
        heard = [event[1:] for event in client.arrived if event[0] == "event"]
        assert heard == expected_events(changes, client.arrived)
        fired += len(heard)
        client.wire.abandon()
    observer.wire.abandon()
    print(f"{len(changes)} changes, {fired} one-shot events, {len(seen)} recursive ones")
    assert fired > 100
