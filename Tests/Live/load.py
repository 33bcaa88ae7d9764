"""Writers that remember what the server acknowledged."""

import http.client
import threading

from jute import Closed, Reader, Session, create_body, path_watch

WINDOW = 32


def consul_connection(base, seconds=15):
    host, port = base.removeprefix("http://").split(":")
    return http.client.HTTPConnection(host, int(port), timeout=seconds)


def put(connection, key, value):
    connection.request("PUT", f"/v1/kv/{key}", body=value)
    reply = connection.getresponse()
    return reply.status, reply.read()


def get_raw(connection, key):
    connection.request("GET", f"/v1/kv/{key}?raw")
    reply = connection.getresponse()
    body = reply.read()
    return body if reply.status == 200 else None


class Load:
    """Writes by both protocols until the server is gone; `znodes` and `keys` are what it acknowledged."""

    def __init__(self, server, prefix, payload):
        self.server, self.prefix, self.payload = server, prefix, payload
        self.znodes, self.keys, self.errors = [], [], []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=work, args=(n,), daemon=True)
                        for work in (self._write_znodes, self._write_keys) for n in range(2)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *failure):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
        assert not any(t.is_alive() for t in self.threads), "a writer hangs"

    def acknowledged(self):
        return len(self.znodes), len(self.keys)

    def value(self, word):
        return f"{word}:".encode() + self.payload

    def _write_znodes(self, number):
        try:
            session = Session(self.server.zookeeper, timeout=10000)
            sent, count = {}, 0
            while not self.stopping.is_set():
                while len(sent) < WINDOW:
                    path = f"{self.prefix}-z{number}-{count}"
                    count += 1
                    sent[session.send("create", create_body(f"/{path}", self.value(path)))] = path
                frame = session.read()
                path = sent.pop(frame.xid)
                if frame.err:
                    self.errors.append((path, frame.err))
                    return
                self.znodes.append(path)
            session.abandon()
        except (OSError, Closed):
            return

    def _write_keys(self, number):
        connection, count = consul_connection(self.server.http), 0
        try:
            while not self.stopping.is_set():
                key = f"{self.prefix}-k{number}-{count}"
                count += 1
                status, body = put(connection, key, self.value(key))
                if (status, body.strip()) != (200, b"true"):
                    if status != 500 or self.server.alive():
                        self.errors.append((key, status, body))
                    return
                self.keys.append(key)
        except (OSError, http.client.HTTPException):
            return

    def missing(self):
        """What was acknowledged and is not there, or is not what was written."""
        session = Session(self.server.zookeeper)
        lost = []
        for start in range(0, len(self.znodes), 500):
            part = self.znodes[start:start + 500]
            for path in part:
                session.send("getData", path_watch(f"/{path}"))
            for path in part:
                frame = session.read()
                if frame.err or Reader(frame.body).buffer() != self.value(path):
                    lost.append(("znode", path, frame.err))
        session.abandon()
        connection = consul_connection(self.server.http)
        lost += [("key", key) for key in self.keys if get_raw(connection, key) != self.value(key)]
        connection.close()
        return lost
