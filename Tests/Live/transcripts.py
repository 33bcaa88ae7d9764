"""Conversations with a ZooKeeper server, written down so that two servers' can be compared line by line.

Zxids are named by their rank (z1 is the first change that the conversation saw), times and session ids are taken out,
children are sorted. All else is shown as it came.
"""

from jute import Closed, Reader, Session, Wire, connect_body, multi_results

LOGGED = {"create", "create2", "createContainer", "createTTL", "delete", "setData", "setACL", "multi", "closeSession"}


class Transcript:
    """One conversation: any number of sessions, each with a name."""

    def __init__(self, address, root):
        self.address, self.root = address, root
        self.sessions, self.lines, self.zxids, self.highest = {}, [], set(), 0
        self.owners = {}

    # What a scenario does.

    def open(self, name, **options):
        """A new connection; `like` names a session whose id and password it uses."""
        like = options.pop("like", None)
        if like:
            other = self.sessions[like]
            options = {"session": other.id, "password": other.password, **options}
        session = Session(self.address, handshake=False)
        session.name = name
        session.send_frame(connect_body(**options))
        try:
            reply = session.read_frame()
        except Closed:
            self.note(f"{name} connect: closed without an answer")
            return None
        reader = Reader(reply)
        version, session.timeout, session.id, session.password = reader.int(), reader.int(), reader.long(), reader.buffer()
        session.connect_reply = reply
        if session.id:
            self.owners.setdefault(session.id, name)
        who = self.owners.get(session.id, session.id)
        self.note(f"{name} connect: bytes {len(reply)} version {version} timeout {session.timeout} session {who} "
                  f"password {len(session.password)}{' of zeros' if not any(session.password) else ''}")
        if session.id:
            self.sessions[name] = session
        else:
            self.end(session)
        return session

    def ask(self, name, op, body=b"", xid=None, label=None):
        """Sends one request, and writes down all that comes until its reply."""
        session = self.sessions[name]
        try:
            xid = session.send(op, body, xid)
            while True:
                frame = session.read()
                if frame.xid == xid or (op, frame.xid) == ("ping", -2):
                    break
                self.event(session, frame)
        except Closed:
            self.note(f"{name} {label or op}: closed")
            self.sessions.pop(name).abandon()
            return None
        asked = "" if frame.xid == xid else f"xid {frame.xid} "
        self.note([f"{name} {label or op}: {asked}", *self.reply(op, frame, session)])
        return frame

    def send(self, name, op, body=b"", xid=None):
        self.sessions[name].send(op, body, xid)

    def hear(self, name, count=1):
        """Writes down the next frames, in any order if there are more than one."""
        session = self.sessions[name]
        for _ in range(count):
            self.event(session, session.read())

    def quiet(self, name):
        """Writes down what is left to come: a ping, and the events before its answer."""
        self.ask(name, "ping", xid=-2)

    def hear_all(self, name):
        """Writes down every frame until the server closes."""
        session = self.sessions.pop(name)
        try:
            while True:
                frame = session.read()
                self.note(f"{name} hears xid {frame.xid} err {frame.err}, {len(frame.body)} bytes")
        except Closed:
            self.note(f"{name}: closed")
        session.abandon()

    def closed(self, name):
        """Expects the end of the connection."""
        self.end(self.sessions.pop(name))

    def end(self, session):
        rest = session.read_to_end()
        self.note(f"{session.name}: closed" + (f" after {rest!r}" if rest else ""))
        session.abandon()

    def raw(self, data):
        """A connection of its own that says only this; what it hears until the end."""
        wire = Wire(self.address)
        wire.send_raw(data)
        try:
            return wire.read_to_end(5)
        except TimeoutError:
            return None
        finally:
            wire.abandon()

    def note(self, line):
        self.lines.append(line if isinstance(line, list) else [line])

    def abandon(self):
        for session in self.sessions.values():
            session.abandon()

    def finish(self):
        names = {zxid: f"z{i + 1}" for i, zxid in enumerate(sorted(self.zxids))}
        text = lambda part: names[part] if isinstance(part, int) else part
        return ["".join(text(part) for part in line).replace(self.root, "/R") for line in self.lines]

    # How it is written.

    def zxid(self, value):
        if value in (0, -1):
            return str(value)
        self.zxids.add(value)
        self.highest = max(self.highest, value)
        return value

    def event(self, session, frame):
        if frame.xid != -1:
            self.note(f"{session.name} unexpected: xid {frame.xid} err {frame.err} body {frame.body.hex()}")
            return
        reader = Reader(frame.body)
        kind, state, path = reader.int(), reader.int(), reader.ustring()
        reader.end()
        self.note([f"{session.name} event: zxid ", self.zxid(frame.zxid), f" kind {kind} state {state} {path}"])

    def reply(self, op, frame, session):
        if op in LOGGED and not frame.err and not self.failed(op, frame.body):
            zxid = self.zxid(frame.zxid)
        elif frame.zxid in (0, -1):
            zxid = str(frame.zxid)
        else:
            zxid = "now" if frame.zxid >= self.highest else "stale"
        line = ["zxid ", zxid, f" err {frame.err}"]
        if frame.err:
            return line + ([f" body {frame.body.hex()}"] if frame.body else [])
        return line + [" "] + self.body(op, Reader(frame.body), frame.body)

    @staticmethod
    def failed(op, body):
        """A multi that fails says so only in its body. What has failed has no rank: whether it has a zxid of its own
        is the server's affair."""
        return op == "multi" and any(kind == -1 for kind, _, _ in multi_results(body))

    def stat(self, stat):
        owner = self.owners.get(stat.owner, stat.owner)
        times = "times" if stat.ctime <= stat.mtime else "ctime>mtime"
        return ["{c ", self.zxid(stat.czxid), " m ", self.zxid(stat.mzxid), " p ", self.zxid(stat.pzxid),
                f" {times} v {stat.version} cv {stat.cversion} av {stat.aversion} owner {owner} bytes {stat.length} "
                f"children {stat.children}}}"]

    def body(self, op, reader, raw):
        data = lambda: [repr(reader.buffer())]
        stat = lambda: self.stat(reader.stat())
        names = lambda: [repr(sorted(reader.vector(reader.ustring)))]
        text = lambda: [repr(reader.ustring())]
        forms = {
            "create": [text], "sync": [text], "exists": [stat], "setData": [stat], "setACL": [stat],
            "create2": [text, stat], "createContainer": [text, stat], "createTTL": [text, stat],
            "getData": [data, stat], "getChildren": [names], "getChildren2": [names, stat],
            "getACL": [lambda: [repr(reader.acls())], stat], "getEphemerals": [names],
            "getAllChildrenNumber": [lambda: [str(reader.int())]], "addWatch": [lambda: [str(reader.int())]],
            "whoAmI": [lambda: [repr(sorted((reader.ustring(), reader.ustring()) for _ in range(reader.int())))]],
        }
        if op in ("multi", "multiRead"):
            return self.results(multi_results(raw))
        parts = [part for form in forms.get(op, []) for part in form() + [" "]]
        rest = reader.data[reader.at:]
        return parts + ([f"rest {rest.hex()}"] if rest else [])

    def results(self, results):
        parts = []
        for kind, err, payload in results:
            parts.append(f"[{kind} {err} ")
            for part in payload if isinstance(payload, tuple) and not hasattr(payload, "czxid") else (payload,):
                parts += self.stat(part) if hasattr(part, "czxid") else [
                    repr(sorted(part) if isinstance(part, list) else part), " "]
            parts.append("] ")
        return parts
