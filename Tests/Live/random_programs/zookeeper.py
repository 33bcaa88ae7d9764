"""Random programs for ZooKeeper, and what of two servers' answers must be the same.

All must, but for what is each server's own: zxids are compared by equality and order, sessions by name, times by their being
there, passwords by their being zeros; children are sorted, and so are the events of a session's end, and access lists: the id
"auth" stands for a set. What Limits.md lists as different on purpose is not asked: TTLs, opcodes 20 and -10, setWatches of
what the client may not read, characters beyond U+FFFF, ids as only Java reads them, null paths in multiRead.
"""

import base64
import hashlib
import itertools
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from jute import (ALL, OP, OPEN, Closed, Frame, Reader, Wire, acl, buffer, connect_body, create_body, delete_body, integer,
                  long, multi_body, multi_results, operation, path_watch, set_body, ustring, vector)
from random_programs.programs import Answers, Comparison, Ranks, Unusable
from servers import Roost, ZooKeeper

# In every body, in place of the root that a run has for itself; of the same length.
ROOT = "/r0000000"
SESSION_MILLISECONDS = 40000
ANSWER_SECONDS = 6
# Their reply's zxid is that of the change.
LOGGED = {"create", "create2", "createContainer", "delete", "setData", "setACL", "multi", "closeSession"}
# They may end the connection, and with it the answers of what was sent along.
ENDING = {"auth", "check", 99, 1000}
WEIGHTS = {
    "create": 22, "delete": 10, "exists": 7, "getData": 7, "setData": 10, "getChildren": 5, "getChildren2": 6, "getACL": 3,
    "setACL": 6, "multi": 9, "multiRead": 3, "sync": 2, "check": 0.15, "addWatch": 5, "removeWatches": 4, "checkWatches": 4,
    "setWatches": 2, "setWatches2": 2, "getEphemerals": 2, "getAllChildrenNumber": 2, "whoAmI": 1, "ping": 1, "auth": 1.5,
    99: 0.07, 1000: 0.07,
}
NAMES = ["", "/a", "/a", "/b", "/b", "/c", "/a/c", "/a/c", "/b/e", "/a/c/d", "/e", "/e2", "/none", "/none/x", "/s-",
         "/s-0000000000", "/s-0000000003", "/s-0000000005", "/a/s-0000000001"]
ODD_NAMES = ["/", "//a", "/./b", "/../b", "/.", "/..", "/...", "/a/..", "/é", "/中/x", "/a\0b", "/\x01", "/\x1f", "/\x7f",
             "/\x80", "/\x9f", "/\xa0", "/\ud7ff", "/\ue000", "/\uf8ff", "/\uf900", "/\uffef", "/\ufff0", "/\uffff", "/a b",
             "/ ", "\n", "/a/b/c/d/e", "/" + "l" * 100, "/" + "l" * 300, "/" + "l" * 5000]
# Not below the root: other runs see them too, so that they are only read.
OUTSIDE = ["/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota", "", "x", "a/b", " ", "//", "/a/", ".", "..", "/."]
SEQUENTIAL = ["/s-", "/a/s-", "/", "/a/", "/b/q", "//", "/./", "/.."]
VERSIONS = [-1, -1, -1, -1, 0, 1, 2, -2, 2 ** 31 - 1, -2 ** 31, 3]
DATA = [b"", b"x", b"hello", None, bytes(17), b"y" * 300]
PERMISSIONS = [31, 31, 31, 1, 2, 4, 8, 16, 0, 15, 17, -1, 63, 3]
IDENTITIES = [b"bob:secret", b"al:pw"]
ADDRESSES = ["127.0.0.1", "127.0.0.1/32", "127.0.0.0/8", "10.0.0.0/8", "0.0.0.0/0", "127.0.0.1/33", "127.0.0.1/-1",
             "127.0.0.1/", "/8", "127.0.0", "127.0.0.1/8/9", "1.2.3.4", "", "a.b.c.d", "127.0.0.256", "127..0.1"]
SCHEMES = ["nope", "", "super", "sasl", "WORLD", "world", "Digest"]


def digest(identity: bytes) -> str:
    return f"{identity.split(b':')[0].decode()}:{base64.b64encode(hashlib.sha1(identity).digest()).decode()}"


@dataclass(frozen=True)
class Request:
    op: str | int
    body: bytes
    shown: str
    xid: int | None = None
    parts: tuple["Request", ...] = ()

    @property
    def is_last(self) -> bool:
        """What the real server judges the next request by depends on whether this one is applied yet: by the old list of a
        setACL until then, and by a container's flags as if it were an ephemeral."""
        return self.op == "setACL" or self.op == "createContainer" and self.shown.endswith(("flags=1", "flags=3"))

    def frame(self, xid: int, root: str) -> bytes:
        body = integer(xid) + integer(OP.get(self.op, self.op)) + self.body.replace(ROOT.encode(), root.encode())
        return struct.pack(">i", len(body)) + body

    def __str__(self) -> str:
        return f"{self.op} {self.shown}".strip().replace(ROOT, "/R")


def several(op: str, parts: tuple[Request, ...]) -> Request:
    body = multi_body(*(operation(part.op, part.body) for part in parts))
    return Request(op, body, f"[{'; '.join(map(str, parts))}]", parts=parts)


CLOSE = Request("closeSession", b"", "")
PING = Request("ping", b"", "", xid=-2)


@dataclass(frozen=True)
class Step:
    """Requests of one session in one packet; without any, the session comes back on a new connection."""

    session: str
    requests: tuple[Request, ...] = ()

    @property
    def closes(self) -> bool:
        return CLOSE in self.requests

    def __str__(self) -> str:
        return f"{self.session}: {' | '.join(map(str, self.requests)) or 'comes back on a new connection'}"

    def smaller(self) -> Iterator["Step"]:
        """Without one of the requests, or of the operations of a multi."""
        requests = self.requests
        for at in range(len(requests) if len(requests) > 1 else 0):
            yield replace(self, requests=(*requests[:at], *requests[at + 1:]))
        for at, request in enumerate(requests):
            for part in range(len(request.parts)):
                fewer = several(request.op, (*request.parts[:part], *request.parts[part + 1:]))
                yield replace(self, requests=(*requests[:at], fewer, *requests[at + 1:]))


class Generator:
    """The program of a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(f"zookeeper/{seed}")
        # A session that sets watches again must be allowed to read what it asks of: one or the other is random.
        self.guarded = self.dice.random() < 0.5
        self.weights = {op: 0 if self.guarded and op in ("setWatches", "setWatches2") else weight
                        for op, weight in WEIGHTS.items()}

    def steps(self, count: int) -> list[Step]:
        return [*(self.step() for _ in range(count)), self.last_look()]

    def step(self) -> Step:
        session, luck = self.dice.choice("abc"), self.dice.random()
        if luck < 0.015:
            return Step(session, (CLOSE,))
        if luck < 0.03:
            return Step(session)
        if luck < 0.25:
            return Step(session, self.packet(closes=luck < 0.04))
        request = self.request()
        return Step(session, (self.spoiled(request) if luck > 0.98 else request,))

    def packet(self, closes: bool) -> tuple[Request, ...]:
        packet: list[Request] = []
        for request in [self.request() for _ in range(self.dice.choice([2, 3, 4, 6, 10]))]:
            if request.op not in ENDING:
                packet.append(request)
            if request.is_last:
                return tuple(packet)
        return (*packet, CLOSE) if closes or not packet else tuple(packet)

    @staticmethod
    def last_look() -> Step:
        paths = [ROOT + name for name in sorted(set(NAMES))]
        return Step("a", tuple(
            request for path in paths
            for request in (Request("getChildren2", path_watch(path), path), Request("getACL", ustring(path), path))))

    def spoiled(self, request: Request) -> Request:
        """Too short or too long a body."""
        if request.parts or request.op in ("auth", "setWatches", "setWatches2"):
            return request
        size = self.dice.randrange(len(request.body) + 1)
        body = request.body[:size] if self.dice.random() < 0.7 else request.body + b"extra"
        return replace(request, body=body, shown=f"{request.shown}, its body as {len(body)} of {len(request.body)} bytes")

    # One request.

    def ask(self, op: str | int, body: bytes = b"", *shown: object, xid: int | None = None) -> Request:
        return Request(op, body, " ".join(part if isinstance(part, str) else repr(part) for part in shown), xid)

    def request(self) -> Request:
        op = self.dice.choices(list(self.weights), list(self.weights.values()))[0]
        if op in ("multi", "multiRead"):
            return several(op, tuple(getattr(self, f"in_{op}")() for _ in range(self.dice.choice([0, 1, 2, 2, 3, 3, 4, 6]))))
        if op in ("exists", "getData", "getChildren", "getChildren2"):
            return self.read(op)
        if op in ("getACL", "sync", "getEphemerals", "getAllChildrenNumber"):
            path = self.path(0.12, outside=op != "getAllChildrenNumber")
            return self.ask(op, ustring(path), path)
        if op in ("delete", "check"):
            return self.versioned(op)
        if op in ("removeWatches", "checkWatches", "addWatch"):
            path = self.path()
            mode = self.dice.choice([0, 0, 1, 1, 2, -1] if op == "addWatch" else [1, 2, 3, 3, 4, 5, 0, -1])
            return self.ask(op, ustring(path) + integer(mode), path, mode)
        return getattr(self, f"make_{op}")() if isinstance(op, str) else self.ask(op)

    def path(self, odd: float = 0.06, outside: bool = False) -> str:
        luck = self.dice.random()
        if luck > odd:
            return ROOT + self.dice.choice(NAMES)
        return self.dice.choice(OUTSIDE) if outside and luck < odd / 3 else ROOT + self.dice.choice(ODD_NAMES)

    def read(self, op: str, outside: bool = True) -> Request:
        # The children of "/" are the roots of all runs.
        path, watch = self.path(outside=outside and op in ("exists", "getData")), self.dice.random() < 0.4
        return self.ask(op, path_watch(path, watch), path, "watched" if watch else "")

    def versioned(self, op: str) -> Request:
        path, version = self.path(), self.dice.choice(VERSIONS)
        return self.ask(op, delete_body(path, version), path, version)

    def make_create(self, in_multi: bool = False) -> Request:
        op = self.dice.choices(["create", "create2", "createContainer"], [62, 30, 8])[0]
        flags = self.dice.choice([0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 4])
        if op == "createContainer":
            flags = 4 if in_multi else self.dice.choice([4, 4, 4, 0, 1, 2, 3])
        elif not in_multi and self.dice.random() < 0.05:
            flags = self.dice.choice([7, -1, 99])
        path = self.path()
        if flags in (2, 3) and self.dice.random() < 0.5:
            path = ROOT + self.dice.choice(SEQUENTIAL)
        data, (acls, shown) = self.dice.choice(DATA), self.acls()
        return self.ask(op, create_body(path, data, acls, flags), path, data, shown, f"flags={flags}")

    def make_setData(self) -> Request:
        path, data, version = self.path(), self.dice.choice(DATA), self.dice.choice(VERSIONS)
        return self.ask("setData", set_body(path, data, version), path, data, version)

    def make_setACL(self) -> Request:
        path, (acls, shown), version = self.path(), self.acls(), self.dice.choice(VERSIONS)
        return self.ask("setACL", ustring(path) + vector(acls) + integer(version), path, shown, version)

    def make_setWatches(self, op: str = "setWatches", kinds: int = 3) -> Request:
        since = self.dice.choice([0, -1, 2 ** 62, -2 ** 63])
        lists = [[self.path(0.03) for _ in range(self.dice.choice([0, 0, 1, 2, 3]))] for _ in range(kinds)]
        body = long(since) + b"".join(vector([ustring(path) for path in paths]) for paths in lists)
        return self.ask(op, body, since, lists, xid=-8)

    def make_setWatches2(self) -> Request:
        return self.make_setWatches("setWatches2", 5)

    def make_whoAmI(self) -> Request:
        return self.ask("whoAmI")

    def make_ping(self) -> Request:
        return PING

    def make_auth(self) -> Request:
        scheme, secret = self.dice.choice(["digest"] * 4 + ["ip"]), self.dice.choice([*IDENTITIES * 3, b"x", b"", b"a:b:c"])
        return self.ask("auth", integer(0) + ustring(scheme) + buffer(secret), scheme, secret, xid=-4)

    def in_multi(self) -> Request:
        luck = self.dice.random()
        if luck < 0.4:
            return self.make_create(in_multi=True)
        return self.versioned("delete") if luck < 0.6 else self.make_setData() if luck < 0.8 else self.versioned("check")

    def in_multiRead(self) -> Request:
        return self.read(self.dice.choice(["getData", "getChildren"]), outside=False)

    # Who may.

    def acls(self) -> tuple[list[bytes], str]:
        dice = self.dice
        if dice.random() < (0.7 if self.guarded else 0.95):
            return OPEN, ""
        if not self.guarded:
            return self.listed([self.entry(), (dice.choice([1, 31, 17, 15]), "world", "anyone")])
        if dice.random() < 0.05:
            return self.listed([])
        return self.listed([self.entry() for _ in range(dice.choice([1, 1, 1, 2, 2, 3]))] * dice.choice([1, 1, 1, 2]))

    @staticmethod
    def listed(entries: list[tuple[int, str, str]]) -> tuple[list[bytes], str]:
        return [acl(*entry) for entry in entries], f"acl={entries}"

    def entry(self) -> tuple[int, str, str]:
        scheme = self.dice.choices(["world", "auth", "digest", "ip", "odd"], [3, 2, 2, 2, 1])[0]
        ids = {"world": ["anyone"], "auth": ["", "x"], "ip": ADDRESSES, "odd": ["", "anyone", "x"],
               "digest": [*map(digest, IDENTITIES), "a:b", "a", "a:", "", ":", "a:b:c"]}
        return (self.dice.choice(PERMISSIONS), self.dice.choice(SCHEMES) if scheme == "odd" else scheme,
                self.dice.choice(ids[scheme]))


# What came, in parts that can be compared.

class Change(int):
    """A zxid that names one change."""


class Now(int):
    """A zxid that tells how far the server is."""


@dataclass
class Line:
    title: str
    fields: list[tuple[str, object]] = field(default_factory=list)

    def unordered(self) -> tuple[str, str]:
        return self.title, str([value for _, value in self.fields if not isinstance(value, Change | Now)])


def told_stat(stat, owner) -> list[tuple[str, object]]:
    kept = {"czxid": Change(stat.czxid), "mzxid": Change(stat.mzxid), "pzxid": Change(stat.pzxid),
            "times": (stat.ctime > 0, stat.mtime > 0, stat.ctime <= stat.mtime), "owner": owner(stat.owner)}
    kept |= {name: getattr(stat, name) for name in ("version", "cversion", "aversion", "length", "children")}
    return [(f"stat.{name}", value) for name, value in kept.items()]


def told_results(body: bytes, owner) -> list[tuple[str, object]]:
    fields: list[tuple[str, object]] = []
    for number, (kind, err, payload) in enumerate(multi_results(body), 1):
        fields += [(f"{number}.kind", kind), (f"{number}.err", err)]
        for part in payload if isinstance(payload, tuple) and not hasattr(payload, "czxid") else (payload,):
            says = sorted(part) if isinstance(part, list) else part
            told = told_stat(part, owner) if hasattr(part, "czxid") else [("says", says)]
            fields += [(f"{number}.{label}", value) for label, value in told]
    return fields


def told_body(op: str | int, body: bytes, owner) -> list[tuple[str, object]]:
    if op in ("multi", "multiRead"):
        return told_results(body, owner)
    reader = Reader(body)
    stat = lambda: told_stat(reader.stat(), owner)
    text, data = lambda: [("text", reader.ustring())], lambda: [("data", reader.buffer())]
    names, number = lambda: [("names", sorted(reader.vector(reader.ustring)))], lambda: [("number", reader.int())]
    acls = lambda: [("acl", sorted(reader.acls()))]
    who = lambda: [("who", sorted(reader.vector(lambda: (reader.ustring(), reader.ustring()))))]
    forms = {
        "create": [text], "create2": [text, stat], "createContainer": [text, stat], "sync": [text], "exists": [stat],
        "getData": [data, stat], "setData": [stat], "getACL": [acls, stat], "setACL": [stat], "getChildren": [names],
        "getChildren2": [names, stat], "getEphemerals": [names], "getAllChildrenNumber": [number], "addWatch": [number],
        "whoAmI": [who],
    }
    fields = [told for form in forms.get(op, []) for told in form()]
    rest = body[reader.at:]
    return fields + ([("rest", rest)] if rest else [])


def told_event(frame: Frame) -> Line:
    reader = Reader(frame.body)
    try:
        fields = [("kind", reader.int()), ("state", reader.int()), ("path", reader.ustring()), ("zxid", Change(frame.zxid))]
    except (AssertionError, struct.error):
        return Line("event", [("undecodable", frame.body)])
    return Line("event", fields + ([("rest", rest)] if (rest := reader.data[reader.at:]) else []))


def told_reply(op: str | int, frame: Frame, owner) -> Line:
    try:
        fields = [] if frame.err else told_body(op, frame.body, owner)
    except (AssertionError, KeyError, struct.error):
        fields = [("undecodable", frame.body)]
    # A multi that failed says so in its body only; whether what failed has a zxid of its own is the server's affair.
    failed = frame.err or op == "multi" and any(label.endswith(".kind") and kind == -1 for label, kind in fields)
    zxid = Change(frame.zxid) if op in LOGGED and not failed else Now(frame.zxid)
    head = [("xid", frame.xid), ("err", frame.err), *fields, ("zxid", zxid)]
    return Line(str(op), head + ([("body", frame.body)] if frame.err and frame.body else []))


class Twin:
    """One session that both servers have."""

    def __init__(self, addresses: list[str], like: "Twin | None" = None) -> None:
        self.wires = [Wire(address) for address in addresses]
        self.ids, self.passwords = [0, 0], [b"", b""]
        self.said: list[list[Line]] = [[], []]
        for side, wire in enumerate(self.wires):
            known = {"session": like.ids[side], "password": like.passwords[side]} if like else {}
            wire.send_frame(connect_body(timeout=SESSION_MILLISECONDS, **known))
        for side in (0, 1):
            self.said[side].append(self.connected(side, like))

    def connected(self, side: int, like: "Twin | None") -> Line:
        try:
            reader = Reader(self.wires[side].read_frame(ANSWER_SECONDS))
        except Closed:
            return Line("closed")
        except TimeoutError:
            return Line("no answer")
        fields = [("version", reader.int()), ("timeout", reader.int())]
        self.ids[side], self.passwords[side] = reader.long(), reader.buffer()
        return Line("connected", [
            *fields, ("refused", self.ids[side] == 0), ("password", any(self.passwords[side])),
            ("the same", like is not None and self.ids[side] == like.ids[side]), ("rest", reader.data[reader.at:])])

    def send(self, data: bytes) -> None:
        for wire in self.wires:
            try:
                wire.send_raw(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # What comes, or the end, is read in its place.

    def heard(self, side: int, ops: list[str | int], owner) -> list[Line]:
        """All until every request was replied to, or the connection's end."""
        lines, left = [], list(ops)
        try:
            while left:
                frame = self.wires[side].read_frame(ANSWER_SECONDS)
                reader = Reader(frame)
                frame = Frame(reader.int(), reader.long(), reader.int(), reader.data[reader.at:])
                lines.append(told_event(frame) if frame.xid == -1 else told_reply(left.pop(0), frame, owner))
        except Closed:
            lines.append(Line("closed"))
        except TimeoutError:
            lines.append(Line("no answer"))
        return lines

    def abandon(self) -> None:
        for wire in self.wires:
            wire.abandon()


class ZooKeeperConversation:
    def __init__(self, addresses: list[str], root: str) -> None:
        self.addresses, self.root = addresses, root
        self.twins: dict[str, Twin] = {}
        self.owners: list[dict[int, str]] = [{}, {}]
        self.xids = itertools.count(1)
        self.zxids = Ranks()
        self.requests = 0
        made = self.take(Step("a", (Request("create", create_body(ROOT), ROOT),)))
        if made.what or " err 0 " not in made.real[-1]:
            raise Unusable(f"no root can be made: {made}")

    def take(self, step: Step) -> Answers:
        lines: list[list[Line]] = [[], []]
        known = self.twins.get(step.session)
        if known is None or not step.requests:
            self.open(step.session, known, lines)
        if step.requests:
            self.say(step.session, step.requests, lines)
            if step.closes:
                self.hear(step.session, ["end"], lines)
        for name in list(self.twins):
            self.say(name, (PING,), lines, f"{name} hears: ")
        if step.closes:
            # A session's znodes go in the order of some hash.
            lines = [sorted(side, key=Line.unordered) for side in lines]
        what = self.first_difference(*lines)
        shown = ([self.shown(line, side) for line in lines[side] if not line.title.endswith("ping")] for side in (0, 1))
        return Answers(*shown, what.replace(self.root, "/R"))

    def open(self, name: str, known: Twin | None, lines: list[list[Line]]) -> None:
        twin = Twin(self.addresses, known)
        for side in (0, 1):
            lines[side] += twin.said[side]
            self.owners[side].setdefault(twin.ids[side], name + str(len(self.owners[side])))
            if known:
                lines[side] += known.heard(side, ["end"], self.owner(side))
        if known:
            known.abandon()
        self.twins[name] = twin

    def say(self, name: str, requests: tuple[Request, ...], lines: list[list[Line]], prefix: str = "") -> None:
        if name not in self.twins:
            return
        self.requests += len(requests)
        self.twins[name].send(b"".join(
            request.frame(next(self.xids) if request.xid is None else request.xid, self.root) for request in requests))
        self.hear(name, [request.op for request in requests], lines, prefix)

    def hear(self, name: str, ops: list[str | int], lines: list[list[Line]], prefix: str = "") -> None:
        if name not in self.twins:
            return
        twin, over = self.twins[name], False
        for side in (0, 1):
            heard = twin.heard(side, ops, self.owner(side))
            over = over or heard[-1].title in ("closed", "no answer")
            lines[side] += [replace(line, title=prefix + line.title) for line in heard]
        if over:
            self.twins.pop(name).abandon()

    def owner(self, side: int):
        return lambda session: self.owners[side].get(session, session if session in (0, -2 ** 63) else "of another")

    def first_difference(self, real: list[Line], roost: list[Line]) -> str:
        for one, other in itertools.zip_longest(real, roost, fillvalue=Line("nothing more")):
            if one.title != other.title:
                return f"{one.title} / {other.title}"
            for (label, value), (other_label, other_value) in itertools.zip_longest(
                    one.fields, other.fields, fillvalue=("nothing more", None)):
                if label != other_label:
                    return f"{one.title}: {label} / {other_label}"
                if not self.same(value, other_value):
                    return f"{one.title}: {label}" + (f" {value} / {other_value}" if label.endswith("err") else "")
        return ""

    def same(self, real: object, roost: object) -> bool:
        if not isinstance(real, Change | Now) or real in (0, -1) or roost in (0, -1):
            return real == roost
        if isinstance(real, Change):
            return self.zxids.fit(real, roost)
        return (real < self.zxids.highest(0)) == (roost < self.zxids.highest(1))

    def shown(self, line: Line, side: int) -> str:
        """With zxids as their ranks, so that both servers' are the same text where they say the same."""
        def value(said: object) -> object:
            if isinstance(said, Now) and said not in (0, -1):
                return "now" if said >= self.zxids.highest(side) else f"old {said:#x}"
            rank = self.zxids.rank(side, said) if isinstance(said, Change) else None
            return f"z{rank}" if rank else said
        told = [line.title, *(f"{label} {value(said)}" for label, said in line.fields)]
        return " ".join(told).replace(self.root, "/R")

    def end(self) -> None:
        for name in list(self.twins):
            self.say(name, (CLOSE,), [[], []])
        for twin in self.twins.values():
            twin.abandon()


class LastingZooKeeper(ZooKeeper):
    """The real server, without what comes by the clock alone, and without syncs: nobody crashes it."""

    def command(self) -> list[str]:
        kept = [word for word in super().command() if not word.startswith("-Dznode.container")]
        at = kept.index("java") + 1
        return [*kept[:at], "-Dznode.container.checkIntervalMs=100000000", "-Dzookeeper.forceSync=no", *kept[at:]]


class ZooKeeperComparison(Comparison):
    real_name = "ZooKeeper"

    def __init__(self, directory: Path) -> None:
        super().__init__(LastingZooKeeper(directory / "zookeeper"), Roost(directory / "roost"))

    def program(self, seed: int, count: int) -> list[Step]:
        return Generator(seed).steps(count)

    def begin(self, number: int) -> ZooKeeperConversation:
        return ZooKeeperConversation([server.zookeeper for server in self.servers], f"/r{number:07}")
