"""ZooKeeper's wire format by hand: what a test sends is exactly what it says."""

import itertools
import select
import socket
import struct
import time
from collections import namedtuple

READ, WRITE, CREATE, DELETE, ADMIN, ALL = 1, 2, 4, 8, 16, 31
OP = {
    "create": 1, "delete": 2, "exists": 3, "getData": 4, "setData": 5, "getACL": 6, "setACL": 7,
    "getChildren": 8, "sync": 9, "ping": 11, "getChildren2": 12, "check": 13, "multi": 14,
    "create2": 15, "reconfig": 16, "checkWatches": 17, "removeWatches": 18, "createContainer": 19,
    "createTTL": 21, "multiRead": 22, "auth": 100, "setWatches": 101, "getEphemerals": 103,
    "getAllChildrenNumber": 104, "setWatches2": 105, "addWatch": 106, "whoAmI": 107,
    "closeSession": -11,
}
ERR = {
    "ok": 0, "runtimeInconsistency": -2, "marshalling": -5, "unimplemented": -6,
    "badArguments": -8, "noNode": -101, "noAuth": -102, "badVersion": -103,
    "noChildrenForEphemerals": -108, "nodeExists": -110, "notEmpty": -111, "invalidACL": -114,
    "authFailed": -115, "sessionMoved": -118, "noWatcher": -121,
}
CREATED, DELETED, CHANGED, CHILDREN = 1, 2, 3, 4
SECONDS = 15

Frame = namedtuple("Frame", "xid zxid err body")
Event = namedtuple("Event", "kind path")
Stat = namedtuple("Stat", "czxid mzxid ctime mtime version cversion aversion owner length children pzxid")
STAT = struct.Struct(">qqqqiiiqiiq")


def ustring(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack(">i", len(raw)) + raw


def buffer(data):
    return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data


def vector(items):
    return struct.pack(">i", -1) if items is None else struct.pack(">i", len(items)) + b"".join(items)


def integer(value):
    return struct.pack(">i", value)


def long(value):
    return struct.pack(">q", value)


def boolean(value):
    return b"\1" if value else b"\0"


def acl(perms, scheme, who):
    return integer(perms) + ustring(scheme) + ustring(who)


OPEN = [acl(ALL, "world", "anyone")]


def create_body(path, data=b"", acls=None, flags=0):
    return ustring(path) + buffer(data) + vector(OPEN if acls is None else acls) + integer(flags)


def delete_body(path, version=-1):
    return ustring(path) + integer(version)


def set_body(path, data, version=-1):
    return ustring(path) + buffer(data) + integer(version)


def path_watch(path, watch=False):
    return ustring(path) + boolean(watch)


def operation(kind, body):
    """One step of a multi."""
    return integer(OP.get(kind, kind)) + boolean(False) + integer(-1) + body


END = integer(-1) + boolean(True) + integer(-1)


def multi_body(*operations):
    return b"".join(operations) + END


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), f"short answer: {self.data!r} at {self.at}"
        self.at += count
        return self.data[self.at - count:self.at]

    def int(self):
        return struct.unpack(">i", self.take(4))[0]

    def long(self):
        return struct.unpack(">q", self.take(8))[0]

    def bool(self):
        return self.take(1) == b"\1"

    def buffer(self):
        count = self.int()
        return None if count < 0 else self.take(count)

    def ustring(self):
        raw = self.buffer()
        return None if raw is None else raw.decode(errors="backslashreplace")

    def vector(self, item):
        return [item() for _ in range(self.int())]

    def stat(self):
        return Stat(*STAT.unpack(self.take(68)))

    def acls(self):
        return self.vector(lambda: (self.int(), self.ustring(), self.ustring()))

    def end(self):
        assert self.at == len(self.data), f"{len(self.data) - self.at} bytes too many: {self.data!r}"


def multi_results(body):
    """[(type, err, payload)] of a multi's or multiRead's reply, which must end with its marker."""
    reader, results = Reader(body), []
    while True:
        kind, done, err = reader.int(), reader.bool(), reader.int()
        if done:
            assert (kind, err) == (-1, -1)
            reader.end()
            return results
        payload = {
            -1: reader.int, 1: reader.ustring, 2: lambda: None, 13: lambda: None, 5: reader.stat,
            15: lambda: (reader.ustring(), reader.stat()), 19: lambda: (reader.ustring(), reader.stat()),
            4: lambda: (reader.buffer(), reader.stat()), 8: lambda: reader.vector(reader.ustring),
        }[kind]()
        results.append((kind, err, payload))


class Closed(Exception):
    """The server closed the connection."""


class ZooKeeperError(Exception):
    def __init__(self, code):
        super().__init__(f"error {code}")
        self.code = code


def connect_body(timeout=10000, session=0, password=bytes(16), last_zxid=0, read_only=False):
    body = struct.pack(">iqiq", 0, last_zxid, timeout, session) + buffer(password)
    return body if read_only is None else body + boolean(read_only)


class Wire:
    """Frames over one socket."""

    def __init__(self, address, seconds=SECONDS):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def send_raw(self, data):
        self.socket.settimeout(SECONDS)
        self.socket.sendall(data)

    def send_frame(self, body):
        self.send_raw(struct.pack(">i", len(body)) + body)

    def _more(self, deadline):
        self.socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            chunk = self.socket.recv(1 << 16)
        except (ConnectionResetError, BrokenPipeError):
            chunk = b""
        if not chunk:
            raise Closed(f"closed with {self.received!r} unread")
        self.received += chunk

    def read_frame(self, seconds=SECONDS):
        deadline = time.monotonic() + seconds
        while len(self.received) < 4:
            self._more(deadline)
        size = struct.unpack(">i", self.received[:4])[0]
        while len(self.received) < 4 + size:
            self._more(deadline)
        frame, self.received = self.received[4:4 + size], self.received[4 + size:]
        return frame

    def read_to_end(self, seconds=SECONDS):
        """All bytes until the server closes."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self._more(deadline)
        except Closed:
            data, self.received = self.received, b""
            return data

    def abandon(self):
        self.socket.close()


class Session(Wire):
    """One client session. Frames that are not the awaited reply are kept in `events`, in order."""

    def __init__(self, address, handshake=True, seconds=SECONDS, **connect):
        super().__init__(address, seconds)
        self.address = address
        self.xids = itertools.count(1)
        self.events = []
        self.connect_reply = None
        if handshake:
            self.send_frame(connect_body(**connect))
            self.connect_reply = self.read_frame()
            reader = Reader(self.connect_reply)
            reader.int()
            self.timeout, self.id, self.password = reader.int(), reader.long(), reader.buffer()

    def send(self, kind, body=b"", xid=None):
        xid = next(self.xids) if xid is None else xid
        self.send_frame(integer(xid) + integer(OP.get(kind, kind)) + body)
        return xid

    def read(self, seconds=SECONDS):
        reader = Reader(self.read_frame(seconds))
        return Frame(reader.int(), reader.long(), reader.int(), reader.data[reader.at:])

    def reply(self, xid, seconds=SECONDS):
        """The reply to xid; every frame before it goes to `events`."""
        while True:
            frame = self.read(seconds)
            if frame.xid == xid:
                return frame
            self.events.append(frame)

    def ask(self, kind, body=b"", xid=None):
        return self.reply(self.send(kind, body, xid))

    def must(self, kind, body=b""):
        frame = self.ask(kind, body)
        if frame.err:
            raise ZooKeeperError(frame.err)
        return Reader(frame.body)

    def error(self, kind, body=b""):
        """The error code; an error reply has no body."""
        frame = self.ask(kind, body)
        assert not frame.err or frame.body == b""
        return frame.err

    def taken_events(self):
        """The watch events that came before the last reply."""
        assert all(f.xid == -1 and f.err == 0 for f in self.events), self.events
        events, self.events = [self.event(f) for f in self.events], []
        return events

    @staticmethod
    def event(frame):
        reader = Reader(frame.body)
        kind, state, path = reader.int(), reader.int(), reader.ustring()
        reader.end()
        assert state == 3
        return Event(kind, path)

    def next_event(self, seconds=SECONDS):
        frame = self.events.pop(0) if self.events else self.read(seconds)
        assert frame.xid == -1, frame
        return self.event(frame)

    def quiet(self):
        """No event has come, nor comes before the answer to a ping sent now."""
        self.ask("ping", xid=-2)
        return self.taken_events() == []

    def closed(self, seconds=SECONDS):
        """Waits for the server to close; true if nothing more came."""
        return self.read_to_end(seconds) == b""

    def silent(self, seconds):
        return not self.received and not select.select([self.socket], [], [], seconds)[0]

    # What most tests need, in one word.
    def create(self, path, data=b"", acls=None, flags=0):
        return self.must("create", create_body(path, data, acls, flags)).ustring()

    def delete(self, path, version=-1):
        self.must("delete", delete_body(path, version))

    def set(self, path, data, version=-1):
        return self.must("setData", set_body(path, data, version)).stat()

    def get(self, path, watch=False):
        reader = self.must("getData", path_watch(path, watch))
        answer = reader.buffer(), reader.stat()
        reader.end()
        return answer

    def exists(self, path, watch=False):
        frame = self.ask("exists", path_watch(path, watch))
        return None if frame.err == -101 else Reader(frame.body).stat()

    def children(self, path, watch=False):
        reader = self.must("getChildren", path_watch(path, watch))
        return sorted(reader.vector(reader.ustring))

    def add_watch(self, path, mode):
        self.must("addWatch", ustring(path) + integer(mode))

    def authenticate(self, scheme, secret):
        return self.ask("auth", integer(0) + ustring(scheme) + buffer(secret), xid=-4)

    def close(self):
        self.ask("closeSession")
        assert self.closed()
