"""The fixed list of requests whose answers are recorded from the real servers, and how answers are made comparable."""

import http.client
import json
import re

from jute import (ALL, READ, Reader, Session, acl, create_body, delete_body, integer, long, multi_body,
                  multi_results, operation, path_watch, set_body, ustring, vector)

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HEADERS = ["Content-Type", "Content-Encoding", "Vary", "Allow", "Location", "X-Consul-Index", "X-Consul-KnownLeader",
           "X-Consul-Effective-Consistency", "X-Consul-Reason", "X-Cache"]
INDEX_KEYS = {"CreateIndex", "ModifyIndex"}


class Consul:
    """Asks one by one; ids and indexes are named in the order of their first appearance."""

    def __init__(self, base):
        host, port = base.removeprefix("http://").split(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=30)
        self.ids, self.indexes, self.last, self.names_indexes = {}, {}, None, True

    def id(self, match):
        return self.ids.setdefault(match.group(0), f"uuid{len(self.ids) + 1}")

    def text(self, text):
        text = re.sub(r"(current modify index) \d+", r"\1 N", text)
        return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", UUID.sub(self.id, text))

    def value(self, value, key=None):
        if isinstance(value, dict):
            return {k: self.value(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return sorted((self.value(v) for v in value), key=lambda v: v.get("CheckID", "") if isinstance(v, dict) else "")
        if key in INDEX_KEYS and value and not self.names_indexes:
            return "N"
        if key in INDEX_KEYS and value:
            return self.indexes.setdefault(value, f"index{len(self.indexes) + 1}")
        return self.text(value) if isinstance(value, str) else value

    def ask(self, method, path, body=None):
        """Sends after {last} and {index} were filled in from the answers before."""
        filled = path
        for word, value in (self.last or {}).items():
            filled = filled.replace("{" + word + "}", str(value))
            body = body.replace("{" + word + "}", str(value)) if body else body
        self.connection.request(method, filled, body=body)
        reply = self.connection.getresponse()
        raw = reply.read()
        return reply.status, reply.headers, raw

    def record(self, method, path, body=None):
        status, headers, raw = self.ask(method, path, body)
        # The agent brings its own services and checks to the catalog in its own time, in one write or in two.
        self.names_indexes = path.startswith(("/v1/kv", "/v1/session", "/v1/txn"))
        text = raw.decode("utf-8", "replace")
        try:
            answer = json.loads(text) if text.strip() else text
            self.remember(answer)
            answer = self.value(answer)
        except ValueError:
            answer = self.text(text)
        kept = {h: self.text(headers[h]) for h in HEADERS if h in headers}
        if "X-Consul-Index" in kept:
            known = self.indexes if self.names_indexes else {}
            kept["X-Consul-Index"] = known.get(int(kept["X-Consul-Index"]), "N")
        shown = body if body is None or len(body) < 2000 else f"{body[:20]}... {len(body)} bytes"
        return {"ask": [method, path] + ([shown] if shown is not None else []), "status": status, "headers": kept,
                "body": answer}

    def remember(self, answer):
        last = dict(self.last or {})
        if isinstance(answer, dict) and "ID" in answer:
            last["session"] = answer["ID"]
        if isinstance(answer, list) and answer and isinstance(answer[0], dict) and "ModifyIndex" in answer[0]:
            last["index"] = answer[0]["ModifyIndex"]
        self.last = last


def kv_txn(*operations):
    return json.dumps([{"KV": dict(zip(("Verb", "Key", "Value", "Index", "Session"), o))} if isinstance(o, tuple)
                       else {"KV": o} for o in operations])


SERVICE = json.dumps({"Name": "golden", "ID": "golden-1", "Tags": ["a", "b"], "Address": "127.0.0.1", "Port": 8000,
                      "Meta": {"k": "v"}, "Weights": {"Passing": 3, "Warning": 2},
                      "Check": {"TTL": "600s", "Status": "passing"}})
SNAKE = json.dumps({"name": "snake", "port": 1, "enable_tag_override": True, "tagged_addresses":
                    {"lan": {"address": "10.0.0.1", "port": 5}}, "check": {"ttl": "600s"}})
NODE = {"Node": "golden-node", "Address": "10.1.1.1", "NodeMeta": {"rack": "r1"}}
BIG = "x" * (512 << 10)

CONSUL = [
    ("GET", "/v1/kv/g/a"), ("GET", "/v1/kv/g/?recurse"), ("GET", "/v1/kv/g/?keys"), ("GET", "/v1/kv/g/a?raw"),
    ("PUT", "/v1/kv/g/a", "one"), ("GET", "/v1/kv/g/a"), ("GET", "/v1/kv/g/a?raw"), ("GET", "/v1/kv/g/a?pretty"),
    ("PUT", "/v1/kv/g/a", "one"), ("GET", "/v1/kv/g/a"), ("PUT", "/v1/kv/g/a?flags=18446744073709551615", "one"),
    ("GET", "/v1/kv/g/a"), ("PUT", "/v1/kv/g/a?flags=x", "one"), ("PUT", "/v1/kv/g/a?flags=-1", "one"),
    ("PUT", "/v1/kv/g/a?cas=x", "one"), ("PUT", "/v1/kv/g/a?cas=0", "two"), ("PUT", "/v1/kv/g/a?cas={index}", "two"),
    ("GET", "/v1/kv/g/a"), ("PUT", "/v1/kv/g/none?cas=7", "x"), ("PUT", "/v1/kv/g/b/c?cas=0", ""),
    ("GET", "/v1/kv/g/b/c"), ("PUT", "/v1/kv/g/d", "\u00e9"), ("GET", "/v1/kv/g/?recurse"), ("GET", "/v1/kv/g/?keys"),
    ("GET", "/v1/kv/g/?keys&separator=/"), ("GET", "/v1/kv/g/?keys&separator="), ("GET", "/v1/kv/g?keys&separator=/"),
    ("GET", "/v1/kv/g/?recurse&raw"), ("GET", "/v1/kv/g/a?keys&recurse"), ("GET", "/v1/kv/?keys&separator=/"),
    ("PUT", "/v1/kv/g/a?cas=1&acquire=00000000-0000-0000-0000-000000000000", "x"),
    ("PUT", "/v1/kv/g/a?acquire=x&release=y", "x"), ("PUT", "/v1/kv/g/a?acquire=", "x"),
    ("PUT", "/v1/kv/g/a?acquire=short", "x"), ("PUT", "/v1/kv/g/a?acquire=00000000-0000-0000-0000-000000000000", "x"),
    ("PUT", "/v1/kv/g/a?release=00000000-0000-0000-0000-000000000000", "x"),
    ("PUT", "/v1/kv/", "x"), ("PUT", "/v1/kv", "x"), ("GET", "/v1/kv"), ("GET", "/v1/kv/"), ("DELETE", "/v1/kv/"),
    ("GET", "/v1/kv/g//a"), ("GET", "/v1/kv/g/../a"), ("GET", "/v1/kv/g/%00"), ("HEAD", "/v1/kv/g/a"),
    ("POST", "/v1/kv/g/a", "x"), ("OPTIONS", "/v1/kv/g/a"), ("PATCH", "/v1/kv/g/a", "x"),
    ("PUT", "/v1/kv/g/big", BIG), ("PUT", "/v1/kv/g/big", BIG + "x"), ("DELETE", "/v1/kv/g/big"),
    ("GET", "/v1/kv/g/a?ns=x"), ("GET", "/v1/kv/g/a?dc=nowhere"), ("GET", "/v1/kv/g/a?dc=dc1"),
    ("GET", "/v1/kv/g/a?stale&consistent"), ("GET", "/v1/kv/g/a?stale"), ("GET", "/v1/kv/g/a?consistent"),
    ("GET", "/v1/kv/g/a?wait=5"), ("GET", "/v1/kv/g/a?wait=abc"), ("GET", "/v1/kv/g/a?index=abc"),
    ("GET", "/v1/kv/g/a?index=-1"), ("GET", "/v1/kv/g/a?index=0"), ("GET", "/v1/kv/g/a?index=1"),
    ("GET", "/v1/kv/g/a?wait=-1s"), ("GET", "/v1/kv/g/a?wait="), ("GET", "/v1/kv/g/a?index=999999999&wait=100ms"),
    ("DELETE", "/v1/kv/g/a?cas=1"), ("DELETE", "/v1/kv/g/a?cas=0"), ("DELETE", "/v1/kv/g/a?cas=x"),
    ("DELETE", "/v1/kv/g/a?recurse&cas=1"), ("DELETE", "/v1/kv/g/none"), ("DELETE", "/v1/kv/g/d"), ("GET", "/v1/kv/g/d"),

    ("PUT", "/v1/session/create", json.dumps({"Name": "s", "LockDelay": "0s"})), ("GET", "/v1/session/info/{session}"),
    ("GET", "/v1/session/list"), ("GET", "/v1/session/node/n1"), ("GET", "/v1/session/node/none"),
    ("PUT", "/v1/kv/g/lock?acquire={session}", "mine"), ("GET", "/v1/kv/g/lock"),
    ("PUT", "/v1/kv/g/lock?acquire={session}", "again"), ("GET", "/v1/kv/g/lock"), ("PUT", "/v1/kv/g/lock", "plain"),
    ("GET", "/v1/kv/g/lock"), ("PUT", "/v1/kv/g/lock?release={session}", "free"), ("GET", "/v1/kv/g/lock"),
    ("PUT", "/v1/kv/g/lock?release={session}", "free"), ("PUT", "/v1/session/renew/{session}"),
    ("PUT", "/v1/txn", kv_txn({"Verb": "lock", "Key": "g/lock", "Value": "eA==", "Session": "{session}"})),
    ("PUT", "/v1/txn", kv_txn({"Verb": "check-session", "Key": "g/lock", "Session": "{session}"})),
    ("PUT", "/v1/txn", kv_txn({"Verb": "unlock", "Key": "g/lock", "Value": "eA==", "Session": "{session}"})),
    ("PUT", "/v1/session/destroy/{session}"), ("PUT", "/v1/session/destroy/{session}"),
    ("GET", "/v1/session/info/{session}"), ("PUT", "/v1/session/renew/{session}"), ("PUT", "/v1/session/create"),
    ("GET", "/v1/session/info/{session}"), ("PUT", "/v1/session/destroy/{session}"),
    ("PUT", "/v1/session/create", '{"TTL":"5s"}'), ("PUT", "/v1/session/create", '{"TTL":"25h"}'),
    ("PUT", "/v1/session/create", '{"TTL":"abc"}'), ("PUT", "/v1/session/create", '{"Node":"none"}'),
    ("PUT", "/v1/session/create", '{"Behavior":"odd"}'), ("PUT", "/v1/session/create", '{"LockDelay":"odd"}'),
    ("PUT", "/v1/session/create", '{"Checks":["none"]}'), ("PUT", "/v1/session/create", "{"),
    ("PUT", "/v1/session/create", '{"Unknown":1,"TTL":"30s","Behavior":"delete","LockDelay":"20s"}'),
    ("GET", "/v1/session/info/{session}"), ("PUT", "/v1/session/renew/{session}"),
    ("PUT", "/v1/session/destroy/{session}"), ("GET", "/v1/session/info/x"), ("GET", "/v1/session/info/"),
    ("GET", "/v1/session/create"), ("PUT", "/v1/session/renew/"), ("PUT", "/v1/session/destroy/"),

    ("PUT", "/v1/txn", kv_txn(("set", "t/a", "YQ=="), ("get", "t/a"), ("delete", "t/none"))), ("GET", "/v1/kv/t/a"),
    ("PUT", "/v1/txn", kv_txn(("get", "t/a"))), ("PUT", "/v1/txn", kv_txn(("get", "t/none"))),
    ("PUT", "/v1/txn", kv_txn(("get-tree", "t/"))), ("PUT", "/v1/txn", kv_txn(("get-tree", "none/"))),
    ("PUT", "/v1/txn", kv_txn(("cas", "t/a", "Yg==", 1), ("get", "t/none"), ("set", "t/b", "Yg=="))),
    ("PUT", "/v1/txn", kv_txn({"Verb": "cas", "Key": "t/c", "Value": "Yw==", "Index": 0, "Flags": 7})),
    ("PUT", "/v1/txn", kv_txn({"Verb": "check-index", "Key": "t/a", "Index": 1})),
    ("PUT", "/v1/txn", kv_txn({"Verb": "check-not-exists", "Key": "t/a"}, {"Verb": "check-not-exists", "Key": "t/z"})),
    ("PUT", "/v1/txn", kv_txn({"Verb": "lock", "Key": "t/a", "Value": "", "Session": "00000000-0000-0000-0000-000000000000"})),
    ("PUT", "/v1/txn", kv_txn({"Verb": "lock", "Key": "t/a", "Value": ""})),
    ("PUT", "/v1/txn", kv_txn({"Verb": "unlock", "Key": "t/a", "Value": "", "Session": "00000000-0000-0000-0000-000000000000"})),
    ("PUT", "/v1/txn", kv_txn({"Verb": "check-session", "Key": "t/a", "Session": "00000000-0000-0000-0000-000000000000"})),
    ("PUT", "/v1/txn", kv_txn({"Verb": "delete-cas", "Key": "t/a", "Index": 1})),
    ("PUT", "/v1/txn", kv_txn(("odd", "t/a"))), ("PUT", "/v1/txn", kv_txn(("set", "t/a", "not base64!"))),
    ("PUT", "/v1/txn", kv_txn(("set", "", "YQ=="))), ("PUT", "/v1/txn", "[]"), ("PUT", "/v1/txn", "{}"),
    ("PUT", "/v1/txn", "x"), ("PUT", "/v1/txn"), ("PUT", "/v1/txn", kv_txn(*[("set", f"m/{i}", "") for i in range(65)])),
    ("PUT", "/v1/txn", kv_txn(("delete-tree", "t/"))), ("GET", "/v1/kv/t/?keys"), ("GET", "/v1/txn"),
    ("PUT", "/v1/txn", "[{}]"), ("PUT", "/v1/txn?stale&consistent", kv_txn(("get", "t/a"))),

    ("PUT", "/v1/agent/service/register", SERVICE), ("GET", "/v1/agent/service/golden-1"), ("GET", "/v1/agent/services"),
    ("GET", "/v1/agent/checks"), ("GET", "/v1/catalog/service/golden"), ("GET", "/v1/health/service/golden"),
    ("GET", "/v1/health/checks/golden"), ("GET", "/v1/catalog/service/golden?tag=a&tag=b"),
    ("GET", "/v1/catalog/service/golden?tag=a&tag=z"), ("GET", "/v1/health/service/golden?passing&tag=a"),
    ("GET", "/v1/health/service/none"), ("GET", "/v1/health/checks/none"), ("GET", "/v1/catalog/service/none"),
    ("GET", "/v1/agent/health/service/name/golden?format=text"), ("GET", "/v1/agent/health/service/id/golden-1"),
    ("PUT", "/v1/agent/check/warn/service:golden-1?note=hm"), ("GET", "/v1/agent/health/service/id/golden-1?format=text"),
    ("GET", "/v1/agent/checks"), ("PUT", "/v1/agent/check/fail/service:golden-1"),
    ("GET", "/v1/agent/health/service/id/golden-1?format=text"), ("GET", "/v1/agent/health/service/id/none?format=text"),
    ("PUT", "/v1/agent/check/update/service:golden-1", '{"Status":"passing","Output":"fine"}'),
    ("PUT", "/v1/agent/check/update/service:golden-1", '{"Status":"odd"}'),
    ("PUT", "/v1/agent/check/pass/none"), ("GET", "/v1/agent/service/none"),
    ("PUT", "/v1/agent/service/register", SNAKE), ("GET", "/v1/agent/service/snake"), ("GET", "/v1/agent/checks"),
    ("PUT", "/v1/agent/service/deregister/snake"), ("PUT", "/v1/agent/service/deregister/none"),
    ("PUT", "/v1/agent/service/register", '{"Name":"x","Odd":1}'),
    ("PUT", "/v1/agent/service/register", '{"Name":"x","Check":{"TTL":"9s","check_id":"c"}}'), ("PUT", "/v1/agent/service/register", "{}"),
    ("PUT", "/v1/agent/service/register", "{"), ("PUT", "/v1/agent/service/register", '{"Name":"x","Check":{"TTL":"0s"}}'),
    ("PUT", "/v1/agent/service/register", '{"Name":"x","Check":{"TTL":"odd"}}'),
    ("PUT", "/v1/agent/service/register", '{"Name":"x","Port":"a"}'), ("GET", "/v1/agent/service/register"),
    ("PUT", "/v1/agent/check/register", '{"Name":"loose","TTL":"600s","Notes":"n"}'), ("GET", "/v1/health/node/n1"),
    ("PUT", "/v1/agent/check/register", "{}"), ("PUT", "/v1/agent/check/register", '{"Name":"x"}'),
    ("PUT", "/v1/agent/check/register", '{"Name":"x","TTL":"9s","ServiceID":"none"}'),
    ("PUT", "/v1/agent/check/deregister/loose"), ("PUT", "/v1/agent/check/deregister/none"),
    ("PUT", "/v1/agent/service/deregister/golden-1"), ("GET", "/v1/catalog/service/golden"), ("GET", "/v1/agent/services"),

    ("PUT", "/v1/catalog/register", json.dumps({**NODE, "Service": {"Service": "remote", "ID": "r1", "Port": 7, "Tags": ["t"]},
                                                "Check": {"CheckID": "c1", "Name": "up", "Status": "passing", "ServiceID": "r1"}})),
    ("GET", "/v1/catalog/node/golden-node"), ("GET", "/v1/catalog/node-services/golden-node"),
    ("GET", "/v1/catalog/service/remote"), ("GET", "/v1/health/service/remote"), ("GET", "/v1/health/node/golden-node"),
    ("GET", "/v1/catalog/nodes?node-meta=rack:r1"), ("GET", "/v1/catalog/service/remote?node-meta=rack:none"),
    ("GET", "/v1/catalog/service/remote?filter=ServicePort==7"), ("GET", "/v1/catalog/service/remote?filter=ServicePort==8"),
    ("GET", "/v1/catalog/service/remote?filter=odd"), ("GET", "/v1/catalog/nodes?filter=Meta.rack==r1"),
    ("GET", "/v1/health/state/passing?node-meta=rack:r1"), ("GET", "/v1/health/state/any?node-meta=rack:r1"),
    ("GET", "/v1/health/state/odd"), ("GET", "/v1/catalog/services?node-meta=rack:r1"),
    ("PUT", "/v1/catalog/register", json.dumps({"Node": "golden-node", "Address": "10.1.1.2"})),
    ("GET", "/v1/catalog/nodes?filter=Node==%22golden-node%22"), ("PUT", "/v1/catalog/register", '{"Address":"1.1.1.1"}'),
    ("PUT", "/v1/catalog/register", '{"Node":"x"}'), ("PUT", "/v1/catalog/register", "{"), ("PUT", "/v1/catalog/register", "{}"),
    ("PUT", "/v1/catalog/register", json.dumps({**NODE, "Check": {"CheckID": "c2", "Name": "x", "ServiceID": "none"}})),
    ("PUT", "/v1/catalog/deregister", "{}"), ("PUT", "/v1/catalog/deregister", '{"Node":"none"}'),
    ("PUT", "/v1/catalog/deregister", '{"Node":"golden-node","ServiceID":"r1"}'), ("GET", "/v1/catalog/service/remote"),
    ("PUT", "/v1/catalog/deregister", '{"Node":"golden-node"}'), ("GET", "/v1/catalog/node/golden-node"),
    ("GET", "/v1/catalog/node-services/golden-node"), ("GET", "/v1/catalog/node/"), ("GET", "/v1/catalog/service/"),
    ("GET", "/v1/catalog/services"), ("GET", "/v1/catalog/datacenters"), ("GET", "/v1/status/peers"),
    ("POST", "/v1/catalog/register", "{}"), ("DELETE", "/v1/status/leader"), ("GET", "/v1/none"), ("GET", "/none"),
    ("PUT", "/v1/status/leader"), ("GET", "/v1/health/service/golden?passing=odd"), ("GET", "/v1/health/service/"),
]


def zookeeper_requests(root):
    """(word, operation, body): each is sent alone, in this order, below a root that does not exist yet."""
    world, none = [acl(ALL, "world", "anyone")], f"{root}/none"
    step = operation
    paths = [root, none, "", "a", f"{root}/", f"{root}//x", "/.", f"{root}/\0"]
    asked = [("create", create_body(root, b"golden")), ("create", create_body(root)),
             ("create2", create_body(f"{root}/b", b"x")), ("create", create_body(f"{root}/s-", flags=2)),
             ("create2", create_body(f"{root}/e-", flags=3)), ("create", create_body(f"{root}/c", flags=4)),
             ("createContainer", create_body(f"{root}/c", flags=4)), ("createContainer", create_body(f"{root}/c2", flags=0)),
             ("create", create_body(f"{root}/null", None)), ("create", create_body(f"{root}/x", flags=7)),
             ("create", create_body(f"{root}/x", flags=5)), ("create", create_body(f"{root}/x", flags=6)),
             ("create", create_body(f"{root}/x", acls=[])),
             ("createTTL", create_body(f"{root}/ttl", flags=5) + long(1000)), ("reconfig", ustring("") * 3 + long(-1))]
    asked += [(op, path_watch(p)) for op in ("exists", "getData", "getChildren", "getChildren2") for p in paths]
    asked += [(op, ustring(p)) for op in ("getACL", "sync", "getAllChildrenNumber", "getEphemerals") for p in paths]
    asked += [("setData", set_body(p, b"v")) for p in paths] + [("delete", delete_body(p)) for p in paths[1:]]
    asked += [("setData", set_body(root, b"v", v)) for v in (-2, 0, 1, 99)] + [("delete", delete_body(root))]
    asked += [("setACL", ustring(p) + vector(world) + integer(-1)) for p in paths]
    asked += [("setACL", ustring(root) + vector(v) + integer(-1)) for v in
              ([], [acl(READ, "nonsense", "x")], [acl(ALL, "auth", "")], [acl(ALL, "digest", "bad")], [acl(ALL, "ip", "1.2")],
               [acl(ALL, "ip", "127.0.0.1/99")], [acl(ALL, "world", "someone")], [acl(64, "world", "anyone")], world * 2)]
    asked += [("getACL", ustring(root)), ("addWatch", ustring(root) + integer(9)), ("addWatch", ustring("bad") + integer(0)),
              ("checkWatches", ustring(root) + integer(3)), ("removeWatches", ustring(root) + integer(9)),
              ("whoAmI", b""), ("multi", multi_body()), ("multiRead", multi_body()), ("exists", path_watch("/")),
              ("multi", multi_body(step("create", create_body(f"{root}/m")), step("setData", set_body(f"{root}/m", b"1")),
                                   step("check", delete_body(f"{root}/m", 1)), step("delete", delete_body(f"{root}/m")))),
              ("multi", multi_body(step("check", delete_body(root, 99)), step("create", create_body(f"{root}/m")))),
              ("multiRead", multi_body(step("getData", path_watch(root)), step("getChildren", path_watch(none)))),
              ("getData", path_watch("/zookeeper/config")), ("getACL", ustring("/zookeeper/config")),
              ("delete", delete_body("/zookeeper")), ("delete", delete_body("/zookeeper/config")),
              ("create", create_body("/zookeeper/x")), ("delete", delete_body("/zookeeper/x")),
              ("setData", set_body("/", b"")), ("getACL", ustring("/")), ("getData", b"\0"), ("create", b""), ("multi", b"")]
    return asked


def stat_fields(stat, owner):
    kept = stat._asdict()
    for key in ("czxid", "mzxid", "pzxid", "ctime", "mtime"):
        kept[key] = "N" if kept[key] else 0
    kept["owner"] = "mine" if kept["owner"] == owner else kept["owner"]
    return list(kept.values())


def zookeeper_answer(op, frame, owner):
    """The reply's meaning, with zxids, times and session ids taken out."""
    if frame.err:
        assert frame.body == b"", frame
        return {"err": frame.err}
    reader = Reader(frame.body)
    data = lambda: (lambda b: None if b is None else b.decode())(reader.buffer())
    stat = lambda: stat_fields(reader.stat(), owner)
    names = lambda: sorted(reader.vector(reader.ustring))
    readers = {
        "create": lambda: reader.ustring(), "create2": lambda: [reader.ustring(), stat()], "createContainer": lambda: [reader.ustring(), stat()],
        "exists": stat, "getData": lambda: [data(), stat()], "setData": stat, "getChildren": names,
        "getChildren2": lambda: [names(), stat()], "getACL": lambda: [[list(a) for a in reader.acls()], stat()], "setACL": stat,
        "sync": reader.ustring, "getAllChildrenNumber": reader.int, "getEphemerals": names, "addWatch": reader.int,
        "whoAmI": lambda: sorted([reader.ustring(), reader.ustring()] for _ in range(reader.int())),
    }
    if op in ("multi", "multiRead"):
        clean = lambda v: stat_fields(v, owner) if hasattr(v, "czxid") else [clean(i) for i in v] if isinstance(v, tuple) else (
            v.decode() if isinstance(v, bytes) else v)
        return {"err": 0, "body": [[k, e, clean(p)] for k, e, p in multi_results(frame.body)]}
    body = readers[op]() if op in readers else None
    reader.end()
    return {"err": 0, "body": body}


def record_consul(base):
    consul = Consul(base)
    return [consul.record(*asked) for asked in CONSUL]


def record_zookeeper(address):
    session, answers = Session(address, timeout=40000), []
    for op, body in zookeeper_requests("/golden"):
        frame = session.ask(op, body)
        answers.append({"op": op, "request": body.hex(), **zookeeper_answer(op, frame, session.id)})
    session.close()
    return answers
