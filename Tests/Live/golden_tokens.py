"""The fixed list of requests about ACL tokens, and of requests by clients that may or may not ask them.

Each is (who, method, path, body); WHO names the token that is shown, {plain} and the like stand for what an answer before
said. Answers are made comparable: identifiers by the order of their appearance, times and indexes without their value.
"""

import http.client
import json
import re

from servers import eventually

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NONE = "00000000-0000-0000-0000-000000000009"
ANONYMOUS = "00000000-0000-0000-0000-000000000002"
MANAGEMENT = "00000000-0000-0000-0000-000000000001"
SECONDS_MAX = 10
# A hash of Go's own making (BLAKE2b), and what says nothing of the answer.
LEFT_OUT = {"date", "content-length", "transfer-encoding", "x-consul-contenthash"}
WEAK = ("nobody", "unknown", "plain")


def js(value):
    return json.dumps(value)


def token(body, path="/v1/acl/token", who="root"):
    return (who, "PUT", path, body if isinstance(body, str) or body is None else js(body))


CHOSEN = "11111111-0000-0000-0000-00000000000"
CAPITALS = "ABCDEF00-0000-0000-0000-00000000000A"
TOKENS = [
    ("nobody", "PUT", "/v1/acl/bootstrap"), ("root", "PUT", "/v1/acl/bootstrap"), ("nobody", "GET", "/v1/acl/bootstrap"),
    *[(who, "GET", "/v1/acl/token/self") for who in ("nobody", "root", "unknown", "bearer", "query", "query-over-header", "header-over-bearer")],
    *[(who, "GET", f"/v1/acl/{path}") for path in
      ("tokens", "policies", "roles", "auth-methods", "binding-rules", "replication", f"policy/{MANAGEMENT}", "policy/name/global-management")
      for who in ("nobody", "unknown", "root")],
    ("root", "GET", f"/v1/acl/policy/{NONE}"), ("root", "GET", "/v1/acl/policy/name/none"),
    token({"Description": "d"}, who="nobody"), token({"Description": "d"}, who="unknown"),
    token({"Description": "plain"}), ("remember plain",),
    token({"Description": "second", "Policies": [{"Name": "global-management"}]}), ("remember second",),
    token({"Policies": [{"ID": MANAGEMENT}], "Local": True}),
    token({"Policies": [{"Name": "none"}]}), token({"Policies": [{"ID": NONE}]}), token({"Policies": [{}]}),
    token({"Roles": [{"Name": "none"}]}), token({"Rules": "key \"\" {}"}),
    token({"AccessorID": "short"}), token({"SecretID": "short"}), token({"AccessorID": "{plain accessor}"}),
    token({"AccessorID": "00000000-0000-0000-0000-00000000000a"}), token({"SecretID": "{plain}"}),
    token({"AccessorID": f"{CHOSEN}a", "SecretID": f"{CHOSEN}b", "Description": "chosen"}),
    token({"AccessorID": f"{CHOSEN}a", "SecretID": f"{CHOSEN}c"}),
    token({"Odd": 1}), token("{"), token("[]"), token(None), token({"Description": 1}), token({"Local": "x"}), token({"Policies": "x"}),
    *[(who, "GET", "/v1/acl/token/{plain accessor}") for who in ("root", "plain", "nobody", "unknown")],
    ("plain", "GET", "/v1/acl/token/self"), ("root", "GET", f"/v1/acl/token/{ANONYMOUS}"), ("root", "GET", f"/v1/acl/token/{NONE}"),
    ("root", "GET", "/v1/acl/token/short"), ("root", "GET", "/v1/acl/token/"), ("root", "GET", "/v1/acl/token/{plain}"),
    token({"Description": "new"}, "/v1/acl/token/{plain accessor}"), token({"Description": "x"}, "/v1/acl/token/{plain accessor}", "nobody"),
    token({"AccessorID": "{second accessor}"}, "/v1/acl/token/{plain accessor}"),
    token({"SecretID": f"{CHOSEN}d"}, "/v1/acl/token/{plain accessor}"), token({"Local": True}, "/v1/acl/token/{plain accessor}"),
    token({"Policies": [{"Name": "global-management"}]}, "/v1/acl/token/{plain accessor}"), ("plain", "GET", "/v1/acl/policies"),
    token({"Description": "down"}, "/v1/acl/token/{plain accessor}"), ("plain", "GET", "/v1/acl/policies"),
    token({"Description": "new"}, f"/v1/acl/token/{NONE}"), token({"Description": "new"}, "/v1/acl/token/short"),
    token({"Description": "new"}, "/v1/acl/token/"), token({"Description": "nobody's"}, f"/v1/acl/token/{ANONYMOUS}"),
    token({"Description": "copy"}, "/v1/acl/token/{second accessor}/clone"), token({}, "/v1/acl/token/{second accessor}/clone"),
    token(None, "/v1/acl/token/{plain accessor}/clone"), token({}, f"/v1/acl/token/{NONE}/clone"), token({}, "/v1/acl/token/{plain accessor}/odd"),
    ("root", "GET", "/v1/acl/token/{plain accessor}/clone"),
    ("root", "GET", "/v1/acl/tokens"), ("root", "GET", f"/v1/acl/tokens?policy={MANAGEMENT}"), ("root", "GET", "/v1/acl/tokens?policy=none"),
    ("root", "GET", "/v1/acl/tokens?role=none"), ("root", "GET", "/v1/acl/tokens?authmethod=none"),
    *[(who, "DELETE", "/v1/acl/token/{plain accessor}") for who in ("nobody", "plain", "unknown")],
    ("second", "DELETE", "/v1/acl/token/{second accessor}"), ("root", "DELETE", "/v1/acl/token/{second accessor}"),
    ("root", "DELETE", "/v1/acl/token/{second accessor}"), ("second", "GET", "/v1/acl/token/self"), ("second", "GET", "/v1/kv/a/x"),
    ("root", "DELETE", f"/v1/acl/token/{ANONYMOUS}"), ("root", "DELETE", "/v1/acl/token/short"), ("root", "DELETE", "/v1/acl/token/"),
    ("root", "POST", "/v1/acl/token"), ("root", "DELETE", "/v1/acl/tokens"), ("root", "OPTIONS", "/v1/acl/token/x"),
    # A secret is what it is, letter by letter; an accessor is found in any case.
    token({"AccessorID": f"{CHOSEN}e", "SecretID": CAPITALS, "Policies": [{"Name": "global-management"}]}),
    *[("nobody", "GET", f"/v1/acl/{path}?token={secret}") for path in ("token/self", "policies") for secret in (CAPITALS, CAPITALS.lower())],
    ("root", "GET", f"/v1/acl/token/{CHOSEN}E"), token({"AccessorID": f"{CHOSEN}E"}), token({"SecretID": CAPITALS}),
    token({"SecretID": CAPITALS.lower()}, f"/v1/acl/token/{CHOSEN}e"), token({"Description": "copy"}, f"/v1/acl/token/{CHOSEN}E/clone"),
    token({"AccessorID": f"{CHOSEN}f", "SecretID": CAPITALS.lower(), "Description": "another"}),
    ("nobody", "GET", f"/v1/acl/token/self?token={CAPITALS.lower()}"), ("nobody", "DELETE", f"/v1/acl/token/{CHOSEN}E?token={CAPITALS}"),
    ("root", "DELETE", f"/v1/acl/token/{CHOSEN}E"), ("nobody", "GET", f"/v1/acl/token/self?token={CAPITALS}"),
    ("nobody", "GET", f"/v1/acl/token/self?token={CAPITALS.lower()}"),
]

SETUP = [
    ("PUT", "/v1/kv/a/x", "v"), ("PUT", "/v1/agent/service/register", js({"Name": "web", "ID": "web1", "Port": 80, "Check": {"TTL": "600s"}})),
    ("PUT", "/v1/catalog/register", js({"Node": "other", "Address": "1.2.3.4", "Service": {"Service": "db", "ID": "db1"},
                                        "Check": {"CheckID": "c", "Name": "c", "Status": "passing"}})),
]


def txn(*operations):
    return ("PUT", "/v1/txn", js(list(operations)))


def kv(verb, key, **fields):
    return {"KV": {"Verb": verb, "Key": key, **fields}}


def put(path, body=None):
    return ("PUT", path, body if body is None or isinstance(body, str) else js(body))


def get(*paths):
    return [("GET", path) for path in paths]


# What clients without the right are told; the root token may do all of it, which other tests show.
REQUESTS = [
    *get("/v1/kv/a/x", "/v1/kv/a/x?raw", "/v1/kv/none", "/v1/kv/a/?recurse", "/v1/kv/a/?keys", "/v1/kv/none/?recurse", "/v1/kv/none/?keys",
         "/v1/kv/?keys", "/v1/kv/?recurse", "/v1/kv/a/x?stale", "/v1/kv/a/x?index=1&wait=10ms", "/v1/kv/a/x?wait=odd", "/v1/kv/a/x?dc=none",
         "/v1/kv/a/?recurse&index=999999&wait=10ms", "/v1/kv/a/x?consistent"),
    put("/v1/kv/a/y", "v"), put("/v1/kv/a/y?cas=0", "v"), put("/v1/kv/a/y?acquire={session}", "v"), put("/v1/kv/a/y?acquire=odd", "v"),
    put("/v1/kv/a/y?release={session}", "v"), put("/v1/kv/", "v"), put("/v1/kv/a/y?cas=x", "v"), put("/v1/kv/a/y?cas=1&acquire=x", "v"),
    ("DELETE", "/v1/kv/a/x"), ("DELETE", "/v1/kv/a/?recurse"), ("DELETE", "/v1/kv/a/x?cas=1"), ("OPTIONS", "/v1/kv/a"), ("POST", "/v1/kv/a", "x"),
    txn(kv("set", "a/z", Value="eA=="), kv("get", "a/x")), txn(kv("get", "a/x")), txn(kv("get", "a/none")), txn(kv("get-tree", "a/")),
    txn(kv("check-not-exists", "a/q")), txn(kv("check-index", "a/x", Index=1)), txn(kv("get", "a/x"), kv("delete", "a/x")), txn(), put("/v1/txn", "{"),
    txn(kv("odd", "a/z")), txn({"Node": {"Verb": "get", "Node": {"Node": "other"}}}), txn({"Node": {"Verb": "set", "Node": {"Node": "other", "Address": "1.1.1.1"}}}),
    txn({"Service": {"Verb": "set", "Node": "other", "Service": {"Service": "db", "ID": "db1"}}}),
    txn({"Service": {"Verb": "get", "Node": "other", "Service": {"Service": "db", "ID": "db1"}}}),
    txn({"Check": {"Verb": "set", "Check": {"Node": "other", "CheckID": "c", "Name": "c", "Status": "passing"}}}),
    txn({"Check": {"Verb": "get", "Check": {"Node": "other", "CheckID": "c"}}}), ("GET", "/v1/txn"),
    put("/v1/session/create", {"Name": "t"}), put("/v1/session/create", {"Node": "none"}), put("/v1/session/create", {"TTL": "1s"}), put("/v1/session/create", "{"),
    *get("/v1/session/list", "/v1/session/info/{session}", f"/v1/session/info/{NONE}", "/v1/session/node/n1", "/v1/session/info/"),
    put("/v1/session/renew/{session}"), put(f"/v1/session/renew/{NONE}"), put("/v1/session/destroy/{session}"), put(f"/v1/session/destroy/{NONE}"),
    *get("/v1/catalog/datacenters", "/v1/catalog/nodes", "/v1/catalog/services", "/v1/catalog/service/web", "/v1/catalog/service/none", "/v1/catalog/node/n1",
         "/v1/catalog/node/none", "/v1/catalog/node-services/n1", "/v1/catalog/node-services/none", "/v1/catalog/nodes?filter=odd", "/v1/catalog/nodes?ns=x",
         "/v1/health/node/n1", "/v1/health/checks/web", "/v1/health/service/web", "/v1/health/service/web?passing", "/v1/health/state/any",
         "/v1/health/service/web?filter=odd", "/v1/health/service/"),
    put("/v1/catalog/register", {"Node": "third", "Address": "1.2.3.4"}), put("/v1/catalog/register", {"Node": "third"}), put("/v1/catalog/register", "{"),
    put("/v1/catalog/register", {"Node": "other", "Address": "1.2.3.5"}), put("/v1/catalog/deregister", {"Node": "other"}),
    put("/v1/catalog/deregister", {"Node": "none"}), put("/v1/catalog/deregister", {"Node": "other", "ServiceID": "db1"}),
    put("/v1/catalog/deregister", {"Node": "other", "ServiceID": "none"}), put("/v1/catalog/deregister", {"Node": "other", "CheckID": "c"}),
    put("/v1/catalog/deregister", {"Node": "other", "CheckID": "none"}), put("/v1/catalog/deregister", {}),
    *get("/v1/agent/self", "/v1/agent/host", "/v1/agent/metrics", "/v1/agent/metrics?format=prometheus", "/v1/agent/members", "/v1/agent/services",
         "/v1/agent/service/web1", "/v1/agent/service/none", "/v1/agent/checks", "/v1/agent/health/service/id/web1", "/v1/agent/health/service/id/none",
         "/v1/agent/health/service/name/web", "/v1/agent/health/service/name/none", "/v1/agent/services?filter=odd"),
    put("/v1/agent/service/register", {"Name": "api"}), put("/v1/agent/service/register", {}), put("/v1/agent/service/register", "{"),
    put("/v1/agent/service/register", {"Name": "web", "ID": "web1", "Port": 81}), put("/v1/agent/check/register", {"Name": "k", "TTL": "9s"}),
    put("/v1/agent/check/register", {"Name": "k", "TTL": "9s", "ServiceID": "web1"}), put("/v1/agent/check/register", {"Name": "k", "TTL": "9s", "ServiceID": "none"}),
    *[put(f"/v1/agent/check/{verb}/{check}") for verb in ("pass", "warn", "fail", "deregister") for check in ("service:web1", "none")],
    put("/v1/agent/check/update/service:web1", {"Status": "passing"}), put("/v1/agent/service/deregister/web1"), put("/v1/agent/service/deregister/none"),
    put("/v1/agent/service/maintenance/web1?enable=true"), put("/v1/agent/service/maintenance/none?enable=true"), put("/v1/agent/maintenance?enable=true"),
    put("/v1/agent/reload"), *get("/v1/status/leader", "/v1/status/peers", "/v1/event/list", "/v1/query", "/v1/operator/raft/configuration", "/", "/v1/none"),
]


class Recorder:
    def __init__(self, base):
        self.host = base.removeprefix("http://")
        self.ids, self.said = {}, {"unknown": "no such token"}
        self.last = None

    def headers(self, who):
        root = self.said.get("root", "")
        special = {
            "nobody": {}, "bearer": {"Authorization": f"Bearer {root}"}, "query": {}, "query-over-header": {"X-Consul-Token": root},
            "header-over-bearer": {"X-Consul-Token": root, "Authorization": "Bearer other"},
        }
        return special[who] if who in special else {"X-Consul-Token": self.said[who]}

    def ask(self, who, method, path, body=None):
        """On a connection of its own, so that what one request does to it is no other's matter."""
        connection = http.client.HTTPConnection(self.host, timeout=SECONDS_MAX)
        query = {"query": self.said.get("root"), "query-over-header": "other"}.get(who)
        path = self.filled(path) + (f"?token={query}" if query else "")
        try:
            connection.request(method, path, body if body is None else self.filled(body), self.headers(who))
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def filled(self, text):
        for word, value in self.said.items():
            text = text.replace("{" + word + "}", value)
        return text

    def remember(self, name):
        self.said[name], self.said[f"{name} accessor"] = self.last["SecretID"], self.last["AccessorID"]

    def record(self, who, method, path, body=None):
        status, headers, text = self.ask(who, method, path, body)
        try:
            self.last = json.loads(text)
            said = self.value(self.last)
        except ValueError:
            said = self.text(text)
        shown = {name: self.header(name, headers[name]) for name in sorted(set(headers.keys())) if name.lower() not in LEFT_OUT}
        return {"ask": [who, method, path] + ([body] if body is not None else []), "status": status, "headers": shown, "body": said}

    @staticmethod
    def header(name, value):
        return value if name != "X-Consul-Index" or value == "1" else "N"

    def text(self, text):
        text = re.sub(r"reset index: \d+", "reset index: N", text)
        text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
        return UUID.sub(lambda m: self.ids.setdefault(m.group(0), f"uuid{len(self.ids) + 1}"), text)

    def value(self, value, key=None):
        if isinstance(value, dict):
            return {k: self.value(v, k) for k, v in value.items() if k not in ("Hash", "ContentHash")}
        if isinstance(value, list):
            if value and isinstance(value[0], dict) and "AccessorID" in value[0]:
                value = sorted(value, key=lambda v: v["CreateIndex"])  # their order is that of random ids
            return [self.value(v) for v in value]
        if key in ("CreateIndex", "ModifyIndex"):
            return "N"
        if key == "CreateTime":
            return "TIME" if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) else value
        return self.text(value) if isinstance(value, str) else value


def bootstrapped(base):
    """A recorder that has bootstrapped the server's tokens, as soon as it has a leader."""
    recorder = Recorder(base)
    first = {}

    def attempt():
        answer = recorder.record("nobody", "PUT", "/v1/acl/bootstrap")
        first.update(answer)
        return answer["status"] == 200
    eventually(attempt, 60, "the bootstrap of the tokens")
    recorder.remember("root")

    def registered():
        status, _, text = recorder.ask("root", "GET", "/v1/health/node/n1")
        return status == 200 and "serfHealth" in text
    eventually(registered, 60, "the node is in the catalog")
    return recorder, first


def record_tokens(base):
    recorder, first = bootstrapped(base)
    answers = [first]
    for request in TOKENS:
        if len(request) == 1:
            recorder.remember(request[0].removeprefix("remember "))
        else:
            answers.append(recorder.record(*request))
    return answers


def record_requests(base, weak=WEAK):
    recorder, _ = bootstrapped(base)
    recorder.record("root", "PUT", "/v1/acl/token", js({"Description": "plain"}))
    recorder.remember("plain")
    for request in SETUP:
        assert recorder.ask("root", *request)[0] == 200, request
    recorder.said["session"] = json.loads(recorder.ask("root", "PUT", "/v1/session/create", js({"Name": "s"}))[2])["ID"]
    eventually(lambda: "web1" in recorder.ask("root", "GET", "/v1/catalog/service/web")[2], 20, "the service is in the catalog")
    return [recorder.record(who, *request) for request in REQUESTS for who in weak]
