"""The wide table of requests to Consul's HTTP API, family by family, and how answers are made comparable.

A request is (method, path, body, headers), the last two as needed; {session} and {index} stand for what an answer before
said. SETTLE gives the real agent time to bring its services and checks to the catalog, which Roost does not need.
"""

import gzip
import http.client
import json
import re
import time

import golden_filters

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NO_SESSION = "00000000-0000-0000-0000-000000000000"
SETTLE = ("SETTLE", "")
SETTLE_SECONDS = 0.6
# A question that blocks for ever is an answer too.
SECONDS_MAX = 5
# They say nothing of the answer, or follow from its body.
LEFT_OUT = {"date", "content-length", "transfer-encoding", "age"}
NUMBERED = ("/v1/kv", "/v1/session", "/v1/txn")


def js(value):
    return json.dumps(value)


def kv(**fields):
    return {"KV": fields}


def txn(*operations, query=""):
    return ("PUT", f"/v1/txn{query}", js(list(operations)))


def register(**fields):
    return ("PUT", "/v1/agent/service/register", js(fields))


def node(name, **fields):
    return ("PUT", "/v1/catalog/register", js({"Node": name, "Address": "10.2.2.2", **fields}))


def every_method(path, body=None):
    return [(method, path, None if method == "HEAD" else body) for method in ("GET", "PUT", "DELETE", "POST", "HEAD", "OPTIONS", "PATCH")]


BIG = "x" * (512 << 10)

KEYS = [
    ("PUT", "/v1/kv/w/a", "1"), ("PUT", "/v1/kv/w/b/", "dir"), ("PUT", "/v1/kv/w/b/c", "2"), ("PUT", "/v1/kv/w/b/d/e", "3"),
    ("PUT", "/v1/kv/w/z"), ("GET", "/v1/kv/w/?recurse"), ("GET", "/v1/kv/w?recurse"), ("GET", "/v1/kv/w/?keys"),
    ("GET", "/v1/kv/w/?keys&separator=/"), ("GET", "/v1/kv/w?keys&separator=/"), ("GET", "/v1/kv/w/b?keys&separator=/"),
    ("GET", "/v1/kv/w/?keys&separator=b/"), ("GET", "/v1/kv/w/?keys&separator=%2F"), ("GET", "/v1/kv/w/?separator=/"),
    ("GET", "/v1/kv/w/?recurse=false"), ("GET", "/v1/kv/w/?recurse&keys&separator=/"), ("GET", "/v1/kv/w/a?raw&recurse"),
    ("GET", "/v1/kv/w/a?raw&keys"), ("GET", "/v1/kv/w/b/"), ("GET", "/v1/kv/w/b"), ("GET", "/v1/kv/w/z?raw"), ("GET", "/v1/kv/w/z"),
    ("GET", "/v1/kv/w/a?raw=false"), ("GET", "/v1/kv/w/a?pretty"), ("GET", "/v1/kv/w/a?pretty=false"), ("GET", "/v1/kv/w/?keys&pretty"),
    ("GET", "/v1/kv/none?pretty"), ("PUT", "/v1/kv/w/p?pretty", "x"), ("DELETE", "/v1/kv/w/p?pretty"),
    ("GET", "/v1/kv/?keys&separator=/"), ("GET", "/v1/kv/?recurse&keys"), ("GET", "/v1/kv/w/none/?recurse"), ("GET", "/v1/kv/w/none/?keys"),
    ("GET", "/v1/kv/w/none?raw"), ("PUT", "/v1/kv/w/f?flags=42", "x"), ("GET", "/v1/kv/w/f"), ("PUT", "/v1/kv/w/f", "x"), ("GET", "/v1/kv/w/f"),
    ("PUT", "/v1/kv/w/f?flags=", "x"), ("PUT", "/v1/kv/w/f?flags=18446744073709551616", "x"), ("PUT", "/v1/kv/w/f?flags=0x10", "x"),
    ("PUT", "/v1/kv/w/f?flags=1.5", "x"), ("PUT", "/v1/kv/w/f?flags=+1", "x"), ("PUT", "/v1/kv/w/f?flags=%201", "x"), ("PUT", "/v1/kv/w/f?flags=007", "x"),
    ("PUT", "/v1/kv/w/f?cas=", "x"), ("PUT", "/v1/kv/w/f?cas=-1", "x"), ("PUT", "/v1/kv/w/f?cas=1e3", "x"), ("PUT", "/v1/kv/w/f?cas=18446744073709551616", "x"),
    ("PUT", "/v1/kv/w/f?cas", "x"), ("PUT", "/v1/kv/w/f?cas=0&flags=9", "x"), ("PUT", "/v1/kv/w/f?cas=1&cas=2", "x"), ("GET", "/v1/kv/w/f"),
    ("PUT", "/v1/kv/w/f?cas={index}", "y"), ("PUT", "/v1/kv/w/f?cas={index}", "y"), ("GET", "/v1/kv/w/f"), ("PUT", "/v1/kv/w/f?cas={index}", "y"),
    ("PUT", "/v1/kv/w/f?cas={index}&flags=x", "y"), ("PUT", "/v1/kv/w/f?flags=x&cas=x", "y"), ("PUT", "/v1/kv/w/f?cas=x&acquire=y", "y"),
    ("PUT", "/v1/kv/w/f?cas=1&release=y", "y"), ("PUT", "/v1/kv/w/f?acquire=&release=", "y"), ("PUT", "/v1/kv/w/f?cas=&acquire=", "y"),
    ("PUT", "/v1/kv/w/f?cas=0&acquire=a&release=b", "y"), ("PUT", "/v1/kv/w/f?acquire", "y"), ("PUT", "/v1/kv/w/f?release=", "y"),
    ("PUT", "/v1/kv/w/f?release=short", "y"), ("PUT", f"/v1/kv/w/f?release={NO_SESSION}", "y"), ("PUT", f"/v1/kv/w/none?release={NO_SESSION}", "y"),
    ("PUT", f"/v1/kv/w/none?acquire={NO_SESSION}", "y"), ("PUT", "/v1/kv/w/f?acquire=zzzzzzzz-0000-0000-0000-000000000000", "y"),
    ("PUT", "/v1/kv/w/f?acquire=00000000000000000000000000000000000", "y"), ("PUT", "/v1/kv/w/f?acquire=000000000000000000000000000000000000", "y"), ("PUT", "/v1/kv/w/f?acquire=0-0000000000000000000000000000000000", "y"), ("PUT", "/v1/kv/w/f?acquire=0-------0000000000000000000000000000", "y"),
    ("DELETE", "/v1/kv/w/f?cas=-1"), ("DELETE", "/v1/kv/w/f?cas="), ("DELETE", "/v1/kv/w/f?cas"), ("DELETE", "/v1/kv/w/none?cas=0"), ("DELETE", "/v1/kv/w/none?cas=5"),
    ("GET", "/v1/kv/w/f"), ("DELETE", "/v1/kv/w/f?cas={index}"), ("GET", "/v1/kv/w/f"), ("DELETE", "/v1/kv/w/b/?recurse"), ("GET", "/v1/kv/w/?keys"),
    ("DELETE", "/v1/kv/w/none/?recurse"), ("DELETE", "/v1/kv/w/a?recurse=false"), ("GET", "/v1/kv/w/?keys"), ("DELETE", "/v1/kv/?cas=1"),
    ("DELETE", "/v1/kv/w/a", "a body"), ("PUT", "/v1/kv/w/k?unknown=1&other", "x"), ("PUT", "/v1/kv/w/k?flags=1&flags=2", "x"), ("GET", "/v1/kv/w/k"),
    ("PUT", "/v1/kv/w/sp%20ace", "x"), ("PUT", "/v1/kv/w/pl+us", "x"), ("PUT", "/v1/kv/w/sl%2Fash", "x"), ("PUT", "/v1/kv/w/q%3Fm", "x"),
    ("PUT", "/v1/kv/w/%E2%82%AC", "x"), ("PUT", "/v1/kv/w/%FF%FE", "x"), ("PUT", "/v1/kv/w/quote%22%3C%3E%26", "x"), ("PUT", "/v1/kv/w/ctl%01%0A", "x"),
    ("GET", "/v1/kv/w/?keys"), ("GET", "/v1/kv/w/%FF%FE"), ("GET", "/v1/kv/w/quote%22%3C%3E%26"), ("GET", "/v1/kv/w/?keys&pretty"),
    ("GET", "/v1/kv/w/bad%"), ("GET", "/v1/kv/w/bad%zz"), ("GET", "/v1/kv/w/./a"), ("GET", "/v1/kv/w/a/.."), ("GET", "/v1/kv/w//"), ("PUT", "/v1/kv//w/a", "x"),
    ("GET", "/v1/kv/w/%2e%2e/a"), ("GET", "/v1//kv/w/a"), ("GET", "/v1/kv/../kv/w/a?raw"), ("GET", "/v1/kv/w/a;b?x;y"), ("GET", "/v1/kv/w/a?%zz"),
    ("GET", "/v1/kv/w/a?raw;x"), ("GET", "/v1/kv/w/a?a=%zz&raw"), ("PUT", "/v1/kv/w/a?a=%zz", "x"),
    ("PUT", "/v1/kv/w/big", BIG), ("PUT", "/v1/kv/w/big?cas=x", BIG + "x"), ("PUT", "/v1/kv/w/big?acquire=x", BIG + "x"), ("DELETE", "/v1/kv/w/big"),
    ("PUT", "/v1/kv/w/type", "{}", {"Content-Type": "application/json"}), ("GET", "/v1/kv/w/type?raw"), ("PUT", "/v1/kv/w/html", "<html>"), ("GET", "/v1/kv/w/html?raw"),
    ("GET", "/v1/kv/w/html", None, {"Accept-Encoding": "gzip"}), ("GET", "/v1/kv/w/html", None, {"Accept-Encoding": "gzip;q=0"}),
    ("GET", "/v1/kv/w/html", None, {"Accept-Encoding": "*"}), ("GET", "/v1/kv/w/html", None, {"Accept-Encoding": "deflate, gzip;q=0.5"}),
    ("GET", "/v1/kv/none", None, {"Accept-Encoding": "gzip"}), ("PUT", "/v1/kv/w/html", "x" * 3000), ("GET", "/v1/kv/w/html", None, {"Accept-Encoding": "gzip"}),
    ("GET", "/v1/kv/w/html?raw", None, {"Accept-Encoding": "gzip"}), ("GET", "/v1/kv/w/html?raw", None, {"Accept-Encoding": "br"}),
    ("GET", "/v1/kv/w/html", None, {"X-Consul-Token": "any"}), ("GET", "/v1/kv/w/html?token=any&raw"), ("GET", "/v1/kv/w/html?raw", None, {"Authorization": "Bearer any"}),
    ("DELETE", "/v1/kv/w?recurse"), ("GET", "/v1/kv/?keys"), *every_method("/v1/kv/w/m", "x"), *every_method("/v1/kv"), ("DELETE", "/v1/kv/?recurse"),
    ("GET", "/v1/kv/"), ("GET", "/v1/kv/?keys"), ("GET", "/v1/kv/?recurse"), ("PUT", "/v1/kv/?cas=0", "x"), ("PUT", "/v1/kv/?acquire=x", "x"), ("GET", "/v1/kv/?raw"),
]

OPTIONS = [
    ("PUT", "/v1/kv/o", "x"),
    *(("GET", f"{path}{query}") for path in ("/v1/kv/o", "/v1/session/list", "/v1/catalog/nodes", "/v1/catalog/services", "/v1/catalog/service/none",
                                             "/v1/catalog/node/none", "/v1/catalog/node-services/none", "/v1/health/service/none", "/v1/health/node/none",
                                             "/v1/health/checks/none", "/v1/health/state/critical", "/v1/agent/services", "/v1/agent/checks",
                                             "/v1/agent/service/none", "/v1/status/leader", "/v1/status/peers", "/v1/catalog/datacenters")
      for query in ("?stale", "?consistent", "?stale&consistent", "?stale=false&consistent=false", "?dc=dc1", "?dc=nowhere", "?dc=", "?ns=x", "?ns=",
                    "?ns=default", "?wait=1x", "?wait=5", "?wait=10ms", "?wait=", "?index=x", "?index=-1", "?index=", "?index=0", "?index=18446744073709551616",
                    "?index=99999999&wait=10ms", "?index=1&wait=-1s", "?pretty", "?cached", "?cached&consistent", "?cached&stale", "?near=_agent", "?near=none",
                    "?node-meta=a:b", "?node-meta=", "?node-meta=a", "?filter=", "?filter=(", "?filter=Nope==1", "?max-stale=1s", "?partition=x", "?peer=x", "?leader", "?hash=x")),
    *(("GET", f"/v1/kv/o?{query}") for query in ("wait=1h", "wait=1.5s", "wait=1m30s", "wait=5us", "wait=%C2%B5s", "wait=1d", "wait=.5s", "wait=+5s", "wait=1s1", "wait=0",
                                                 "wait=99999999h", "index=1.0", "index=+1", "index=0x1", "index=%201", "index=1&index=x", "wait=1s&wait=x", "index", "wait", "stale&stale",
                                                 "consistent=x&stale=", "stale=1&index=0", "ns=default&stale", "dc=nowhere&wait=x", "wait=x&dc=nowhere", "ns=x&wait=x",
                                                 "stale&consistent&wait=x", "wait=x&index=x", "index=x&stale&consistent", "dc=DC1")),
    ("PUT", "/v1/kv/o?dc=nowhere", "x"), ("PUT", "/v1/kv/o?ns=x", "x"), ("PUT", "/v1/kv/o?stale&consistent", "x"), ("PUT", "/v1/kv/o?wait=x", "x"), ("PUT", "/v1/kv/o?index=x", "x"),
    ("DELETE", "/v1/kv/o?dc=nowhere"), ("DELETE", "/v1/kv/o?ns=x"), ("DELETE", "/v1/kv/o?stale&consistent"), ("PUT", "/v1/session/create?dc=nowhere"), ("PUT", "/v1/session/create?ns=x"),
    ("PUT", "/v1/txn?dc=nowhere", "[]"), ("PUT", "/v1/txn?ns=x", "[]"), ("PUT", "/v1/txn?wait=x", js([kv(Verb="get", Key="o")])), ("PUT", "/v1/txn?index=5", js([kv(Verb="get", Key="o")])),
    ("PUT", f"/v1/session/destroy/{NO_SESSION}?dc=nowhere"), ("PUT", f"/v1/session/renew/{NO_SESSION}?dc=nowhere"), ("GET", f"/v1/session/info/{NO_SESSION}?stale&consistent"),
    ("PUT", "/v1/catalog/register?dc=nowhere", "{}"), ("PUT", "/v1/catalog/register?ns=x", "{}"), ("PUT", "/v1/catalog/deregister?ns=x", "{}"),
    ("PUT", "/v1/agent/service/register?dc=nowhere", js({"Name": "o"})), ("PUT", "/v1/agent/service/register?ns=x", js({"Name": "o"})), ("PUT", "/v1/agent/service/deregister/o?ns=x"),
    ("PUT", "/v1/agent/check/register?ns=x", "{}"), ("PUT", "/v1/agent/service/deregister/o"),
    ("GET", "/v1/catalog/services", None, {"Cache-Control": "max-age=5"}), ("GET", "/v1/catalog/services?cached", None, {"Cache-Control": "no-cache"}),
    ("GET", "/v1/catalog/services?cached", None, {"Cache-Control": "max-age=x"}), ("GET", "/v1/health/service/none?cached", None, {"Cache-Control": "max-age=30, stale-if-error=60"}),
    ("GET", "/v1/health/service/none?cached", None, {"Cache-Control": "must-revalidate"}), ("GET", "/v1/kv/o?cached"),
]

SESSIONS = [
    ("PUT", "/v1/session/create", js({"Name": "a", "LockDelay": "0s", "TTL": "15s", "Behavior": "delete"})), ("GET", "/v1/session/info/{session}"), ("GET", "/v1/session/info/{session}?pretty"),
    ("GET", "/v1/session/list"), ("GET", "/v1/session/list?pretty"), ("GET", "/v1/session/node/n1"), ("PUT", "/v1/session/renew/{session}"), ("PUT", "/v1/session/renew/{session}?pretty"),
    ("PUT", "/v1/session/renew/{session}", "a body"), ("PUT", "/v1/kv/s/a?acquire={session}&flags=3", "v"), ("GET", "/v1/kv/s/a"), ("GET", "/v1/kv/s/?recurse"),
    ("PUT", "/v1/kv/s/a?acquire={session}", "w"), ("GET", "/v1/kv/s/a"), ("PUT", "/v1/kv/s/a?cas=0", "x"), ("PUT", "/v1/kv/s/a?cas={index}", "x"), ("GET", "/v1/kv/s/a"),
    ("PUT", "/v1/kv/s/a", "x"), ("GET", "/v1/kv/s/a"), (("DELETE"), "/v1/kv/s/a"), ("GET", "/v1/kv/s/a"), ("PUT", "/v1/kv/s/a?acquire={session}", "v"), ("GET", "/v1/kv/s/a"),
    ("PUT", "/v1/kv/s/b?acquire={session}", ""), ("PUT", "/v1/session/destroy/{session}"), ("GET", "/v1/kv/s/?recurse"), ("GET", "/v1/session/info/{session}"), ("GET", "/v1/session/list"),
    ("PUT", "/v1/session/create", js({"LockDelay": "30s"})), ("PUT", "/v1/kv/s/c?acquire={session}", "held"), ("PUT", "/v1/session/destroy/{session}"), ("GET", "/v1/kv/s/c"),
    ("PUT", "/v1/session/create", js({"LockDelay": "0s"})), ("PUT", "/v1/kv/s/c?acquire={session}", "mine"), ("GET", "/v1/kv/s/c"),
    txn(kv(Verb="lock", Key="s/c", Value="eA==", Session="{session}")), ("DELETE", "/v1/kv/s/c"), ("PUT", "/v1/kv/s/c?acquire={session}", "mine"),
    ("PUT", "/v1/kv/s/d?acquire={session}", "mine"), ("PUT", "/v1/kv/s/d?release={session}", "freed"), ("GET", "/v1/kv/s/d"), ("PUT", "/v1/kv/s/d?release={session}", "again"),
    ("PUT", "/v1/kv/s/new?release={session}", "again"), ("PUT", "/v1/kv/s/d?acquire={session}", "freed"), ("GET", "/v1/kv/s/d"), ("PUT", "/v1/session/destroy/{session}"),
    *(("PUT", "/v1/session/create", js(body)) for body in (
        {"TTL": "9.999s"}, {"TTL": "86400s"}, {"TTL": "86401s"}, {"TTL": "24h1ns"}, {"TTL": "10"}, {"TTL": 10}, {"TTL": ""}, {"TTL": "0s"}, {"TTL": "-10s"}, {"TTL": "0"},
        {"LockDelay": "60s"}, {"LockDelay": "61s"}, {"LockDelay": "-1s"}, {"LockDelay": 5}, {"LockDelay": 5000000000}, {"LockDelay": 0}, {"LockDelay": ""}, {"LockDelay": "5"}, {"LockDelay": True},
        {"LockDelay": None}, {"LockDelay": 1.5}, {"LockDelay": {}}, {"Behavior": ""}, {"Behavior": "Release"}, {"Behavior": "delete"}, {"Behavior": 1}, {"Node": ""}, {"Node": "none"}, {"Node": "N1"}, {"Node": 5},
        {"Checks": []}, {"Checks": None}, {"Checks": ["none"]}, {"Checks": "x"}, {"Checks": [1]}, {"NodeChecks": []}, {"NodeChecks": ["none"]}, {"NodeChecks": ["serfHealth"]},
        {"Checks": ["serfHealth"], "NodeChecks": ["serfHealth"]}, {"ServiceChecks": [{"ID": "none"}]}, {"ServiceChecks": []}, {"ServiceChecks": ["x"]}, {"ServiceChecks": [{"ID": "none", "Namespace": "x"}]}, {"name": "lower", "ttl": "20s"},
        {"lockdelay": "1s"}, {"lock_delay": "1s"}, {"Name": 5}, {"Name": "\u00e9\"<>&"}, {"ID": "x"}, {"Datacenter": "x"}, {"Namespace": "x"}, [], "text", None, 5)),
    ("PUT", "/v1/session/create", "[]"), ("PUT", "/v1/session/create", "{} trailing"), ("PUT", "/v1/session/create", " "), ("PUT", "/v1/session/create", '{"TTL":"20s",}'),
    ("PUT", "/v1/session/create", "nonsense"), ("PUT", "/v1/session/create?pretty", "{}"), ("GET", "/v1/session/list"),
    ("PUT", "/v1/session/renew/x"), (("PUT"), f"/v1/session/renew/{NO_SESSION}"), ("PUT", f"/v1/session/destroy/{NO_SESSION}"), ("PUT", "/v1/session/destroy/x"), ("GET", f"/v1/session/info/{NO_SESSION}"),
    ("GET", f"/v1/session/info/{NO_SESSION}?pretty"), ("GET", "/v1/session/node/"), ("GET", "/v1/session/node/none"), ("GET", "/v1/session/node/N1"), ("GET", "/v1/session/info"), ("GET", "/v1/session/"), ("GET", "/v1/session"),
    ("PUT", "/v1/session/create/"), ("GET", "/v1/session/list/"), ("GET", "/v1/session/info/a/b"), *every_method("/v1/session/list"), *every_method("/v1/session/info/x"), *every_method("/v1/session/node/n1"),
    ("OPTIONS", "/v1/session/create"), ("POST", "/v1/session/create", "{}"), ("DELETE", "/v1/session/destroy/x"), ("POST", "/v1/session/renew/x"), ("HEAD", "/v1/session/create"),
]

TRANSACTIONS = [
    txn(kv(Verb="set", Key="x/a", Value="YQ==", Flags=5), kv(Verb="set", Key="x/b"), kv(Verb="get", Key="x/a"), kv(Verb="get", Key="x/b"), kv(Verb="get-tree", Key="x/")),
    txn(kv(Verb="get", Key="x/a")), txn(kv(Verb="get-tree", Key="x/")), txn(kv(Verb="get-or-empty", Key="x/none")), txn(kv(Verb="get", Key="x/a"), query="?pretty"), txn(kv(Verb="get", Key="x/a"), query="?stale"),
    txn(kv(Verb="get", Key="x/a"), query="?consistent"), txn(kv(Verb="get", Key="x/a"), query="?stale&consistent"), txn(kv(Verb="set", Key="x/a", Value="YQ=="), query="?stale&consistent"),
    txn(kv(Verb="check-not-exists", Key="x/none")), txn(kv(Verb="check-index", Key="x/none", Index=0)), txn(kv(Verb="check-index", Key="x/none", Index=1)), txn(kv(Verb="check-session", Key="x/none", Session=NO_SESSION)),
    txn(kv(Verb="check-session", Key="x/a", Session="")), txn(kv(Verb="check-session", Key="x/a")), txn(kv(Verb="cas", Key="x/n", Value="YQ==", Index=0)), txn(kv(Verb="cas", Key="x/n", Value="YQ==", Index=0)),
    txn(kv(Verb="cas", Key="x/n", Value="YQ==")), txn(kv(Verb="delete", Key="x/none")), txn(kv(Verb="delete-tree", Key="none/")), txn(kv(Verb="delete-cas", Key="x/none", Index=5)), txn(kv(Verb="delete-cas", Key="x/none", Index=0)),
    txn(kv(Verb="delete-cas", Key="x/n", Index=0)), txn(kv(Verb="delete", Key="")), txn(kv(Verb="get", Key="")), txn(kv(Verb="get-tree", Key="")), txn(kv(Verb="delete-tree", Key="")), txn(kv(Verb="set", Key="x/a", Value="YQ==")),
    txn(kv(Verb="", Key="x/a")), txn(kv(Verb="SET", Key="x/a")), txn(kv(Key="x/a")), txn(kv(Verb="set")), txn({}), txn({"KV": None}), txn({"kv": {"verb": "set", "key": "x/low", "value": "YQ=="}}), txn({"Odd": {}}), txn(kv(Verb="set", Key="x/a"), {}),
    txn({"KV": {"Verb": "set", "Key": "x/two", "Value": "YQ=="}, "Node": {"Verb": "get", "Node": {"Node": "n1"}}}),
    txn(kv(Verb="set", Key="x/a", Value="%%%")), txn(kv(Verb="set", Key="x/a", Value="YQ")), txn(kv(Verb="set", Key="x/a", Value=5)), txn(kv(Verb="set", Key="x/a", Value=None)), txn(kv(Verb="set", Key="x/a", Flags="x")), txn(kv(Verb="set", Key="x/a", Flags=-1)),
    txn(kv(Verb="set", Key="x/a", Flags=1.5)), txn(kv(Verb="set", Key="x/a", Index="x")), txn(kv(Verb="set", Key=5)), txn(kv(Verb="set", Key="x/a", Odd=1)), txn(kv(Verb="lock", Key="x/l", Value="YQ==", Session="short")), txn(kv(Verb="lock", Key="x/l", Value="YQ==", Session="")),
    txn(kv(Verb="unlock", Key="x/none", Value="YQ==", Session=NO_SESSION)), txn(kv(Verb="unlock", Key="x/a", Session="")), txn(kv(Verb="unlock", Key="x/a", Session="short")),
    txn(kv(Verb="get", Key="x/none"), kv(Verb="get", Key="x/none2"), kv(Verb="set", Key="x/lost", Value="YQ==")), ("GET", "/v1/kv/x/lost"), txn(kv(Verb="check-index", Key="x/a", Index=1), kv(Verb="check-not-exists", Key="x/a"), kv(Verb="odd", Key="x/a")),
    txn(kv(Verb="get", Key="x/none"), kv(Verb="check-not-exists", Key="x/a")), txn(kv(Verb="set", Key="x/s", Value="MQ=="), kv(Verb="set", Key="x/s", Value="Mg=="), kv(Verb="get", Key="x/s"), kv(Verb="delete", Key="x/s"), kv(Verb="check-not-exists", Key="x/s")),
    txn(kv(Verb="delete-tree", Key="x/"), kv(Verb="get-tree", Key="x/"), kv(Verb="set", Key="x/after", Value="YQ==")), ("GET", "/v1/kv/x/?recurse"),
    ("PUT", "/v1/session/create", js({"LockDelay": "0s"})), txn(kv(Verb="lock", Key="x/l", Value="YQ==", Session="{session}", Flags=1), kv(Verb="check-session", Key="x/l", Session="{session}"), kv(Verb="get", Key="x/l")),
    txn(kv(Verb="lock", Key="x/l", Value="Yg==", Session="{session}")), txn(kv(Verb="unlock", Key="x/l", Value="Yw==", Session="{session}"), kv(Verb="get", Key="x/l")), txn(kv(Verb="unlock", Key="x/l", Value="Yw==", Session="{session}")),
    txn(kv(Verb="unlock", Key="x/none", Value="Yw==", Session="{session}")), txn(kv(Verb="check-session", Key="x/l", Session="{session}")), ("PUT", "/v1/session/destroy/{session}"),
    txn(*[kv(Verb="set", Key=f"x/many{i}", Value="") for i in range(64)]), txn(*[kv(Verb="get", Key=f"x/many{i}") for i in range(3)]), txn(kv(Verb="set", Key="x/big", Value="eHh4" * (128 << 10))), txn(kv(Verb="set", Key="x/big", Value="eHh4" * (120 << 10))),
    ("PUT", "/v1/txn", "null"), ("PUT", "/v1/txn", "[] x"), ("PUT", "/v1/txn", '"x"'), ("PUT", "/v1/txn", "[null]"), ("PUT", "/v1/txn", "[5]"), ("PUT", "/v1/txn", ""), ("PUT", "/v1/txn", "[{"), ("PUT", "/v1/txn", '[{"KV":[]}]'),
    txn({"Node": {"Verb": "get", "Node": {"Node": "n1"}}}), txn({"Node": {"Verb": "get", "Node": {"Node": "none"}}}), txn({"Node": {"Verb": "set", "Node": {"Node": "txn-node", "Address": "10.3.3.3"}}}), txn({"Node": {"Verb": "get", "Node": {"Node": "txn-node"}}}),
    txn({"Service": {"Verb": "set", "Node": "txn-node", "Service": {"ID": "ts", "Service": "ts", "Port": 5}}}), txn({"Service": {"Verb": "get", "Node": "txn-node", "Service": {"ID": "ts", "Service": "ts"}}}),
    txn({"Check": {"Verb": "set", "Check": {"Node": "txn-node", "CheckID": "tc", "Name": "tc", "Status": "passing"}}}), txn({"Check": {"Verb": "get", "Check": {"Node": "txn-node", "CheckID": "tc"}}}), txn({"Check": {"Verb": "delete", "Check": {"Node": "txn-node", "CheckID": "tc"}}}),
    txn({"Service": {"Verb": "delete", "Node": "txn-node", "Service": {"ID": "ts"}}}), txn({"Node": {"Verb": "delete", "Node": {"Node": "txn-node"}}}), txn({"Node": {"Verb": "odd", "Node": {"Node": "n1"}}}),
    *every_method("/v1/txn"), ("PUT", "/v1/txn/", "[]"), ("DELETE", "/v1/kv/x/?recurse"),
]

SERVICE_CHECKS = [{"TTL": "600s", "Status": "passing"}, {"Name": "second", "CheckID": "c2", "TTL": "600s", "Notes": "n"}]

AGENT = [
    ("GET", "/v1/agent/services"), ("GET", "/v1/agent/checks"), register(Name="one"), SETTLE, ("GET", "/v1/agent/service/one"), ("GET", "/v1/agent/services"), ("GET", "/v1/catalog/service/one"), ("GET", "/v1/health/service/one"), ("GET", "/v1/agent/checks"),
    register(Name="one", ID="one-2", Tags=["x", "y"], Address="10.0.0.2", Port=81, Meta={"m": "1"}, EnableTagOverride=True, Weights={"Passing": 10, "Warning": 1}, TaggedAddresses={"lan": {"Address": "10.0.0.3", "Port": 82}, "wan": {"Address": "1.2.3.4"}}),
    SETTLE, ("GET", "/v1/agent/service/one-2"), ("GET", "/v1/agent/service/one-2?pretty"), ("GET", "/v1/catalog/service/one"), ("GET", "/v1/catalog/service/one?pretty"), ("GET", "/v1/health/service/one?pretty"), ("GET", "/v1/catalog/services"), ("GET", "/v1/agent/services?pretty"),
    ("GET", "/v1/catalog/service/one?tag=x"), ("GET", "/v1/catalog/service/one?tag=X"), ("GET", "/v1/catalog/service/one?tag="), ("GET", "/v1/catalog/service/ONE"), ("GET", "/v1/health/service/one?tag=x&tag=y&passing"), ("GET", "/v1/health/service/one?tag=x&tag=z"),
    ("GET", "/v1/agent/services?filter=Port==81"), ("GET", "/v1/agent/services?filter=Service==one"), ("GET", "/v1/agent/services?filter=%22x%22%20in%20Tags"), ("GET", "/v1/agent/services?filter=Meta.m==1"), ("GET", "/v1/agent/services?filter=bad%20bad"), ("GET", "/v1/agent/checks?filter=Status==passing"),
    register(Name="checked", Checks=SERVICE_CHECKS), SETTLE, ("GET", "/v1/agent/checks"), ("GET", "/v1/health/checks/checked"), ("GET", "/v1/health/service/checked"), ("GET", "/v1/health/service/checked?passing"), ("GET", "/v1/health/service/checked?passing=false"), ("GET", "/v1/health/service/checked?passing=x"),
    ("GET", "/v1/health/service/checked?passing=1"), ("GET", "/v1/health/service/checked?passing=0"), ("GET", "/v1/agent/health/service/id/checked"), ("GET", "/v1/agent/health/service/name/checked"), ("GET", "/v1/agent/health/service/name/checked?format=text"), ("GET", "/v1/agent/health/service/name/none"), ("GET", "/v1/agent/health/service/name/none?format=text"),
    ("GET", "/v1/agent/health/service/id/"), ("GET", "/v1/agent/health/service/name/"), ("GET", "/v1/agent/health/service/id/one?format=odd"), ("GET", "/v1/agent/health/service/id/one?pretty"),
    ("PUT", "/v1/agent/check/pass/c2"), SETTLE, ("GET", "/v1/health/checks/checked"), ("PUT", "/v1/agent/check/pass/c2?note=hello%20there"), ("PUT", "/v1/agent/check/warn/c2?note=careful"), SETTLE, ("GET", "/v1/health/checks/checked"), ("GET", "/v1/health/state/warning"), ("GET", "/v1/health/service/checked?passing"),
    ("PUT", "/v1/agent/check/fail/c2"), SETTLE, ("GET", "/v1/health/state/critical"), ("PUT", "/v1/agent/check/update/c2", js({"Status": "warning", "Output": "w"})), ("PUT", "/v1/agent/check/update/c2", js({"status": "passing", "output": "lower"})), SETTLE, ("GET", "/v1/health/checks/checked"),
    ("PUT", "/v1/agent/check/update/c2", js({})), ("PUT", "/v1/agent/check/update/c2", "{"), ("PUT", "/v1/agent/check/update/c2"), ("PUT", "/v1/agent/check/update/none", js({"Status": "passing"})), ("PUT", "/v1/agent/check/update/", js({"Status": "passing"})), ("PUT", "/v1/agent/check/pass/"), ("PUT", "/v1/agent/check/fail/none"), ("PUT", "/v1/agent/check/warn/none"),
    ("PUT", "/v1/agent/check/update/c2", js({"Status": "warning", "Output": "o" * 5000})), SETTLE, ("GET", "/v1/agent/checks"), ("PUT", "/v1/agent/check/update/c2", js({"Status": "passing", "Output": "short"})), ("PUT", "/v1/agent/check/update/c2", js({"Status": "maintenance"})), ("PUT", "/v1/agent/check/update/c2", js({"Status": 5})), ("PUT", "/v1/agent/check/update/c2", js({"Status": "passing", "Odd": 1})),
    ("PUT", "/v1/agent/service/maintenance/checked"), ("PUT", "/v1/agent/service/maintenance/checked?enable"), ("PUT", "/v1/agent/service/maintenance/checked?enable=x"), ("PUT", "/v1/agent/service/maintenance/?enable=true"), ("PUT", "/v1/agent/service/maintenance/none?enable=true"),
    ("PUT", "/v1/agent/service/maintenance/checked?enable=true&reason=work"), SETTLE, ("GET", "/v1/agent/checks"), ("GET", "/v1/agent/health/service/id/checked?format=text"), ("GET", "/v1/agent/health/service/id/checked"), ("GET", "/v1/health/checks/checked"), ("PUT", "/v1/agent/service/maintenance/checked?enable=true&reason=other"), SETTLE, ("GET", "/v1/health/checks/checked"),
    ("PUT", "/v1/agent/service/maintenance/checked?enable=false"), SETTLE, ("GET", "/v1/health/checks/checked"), ("PUT", "/v1/agent/service/maintenance/checked?enable=false"), ("PUT", "/v1/agent/service/maintenance/checked?enable=true"), SETTLE, ("GET", "/v1/health/checks/checked"), ("PUT", "/v1/agent/service/maintenance/checked?enable=false"),
    ("PUT", "/v1/agent/maintenance"), ("PUT", "/v1/agent/maintenance?enable=x"), ("PUT", "/v1/agent/maintenance?enable=true&reason=node"), SETTLE, ("GET", "/v1/health/node/n1"), ("GET", "/v1/agent/health/service/id/one?format=text"), ("PUT", "/v1/agent/maintenance?enable=false"), SETTLE, ("GET", "/v1/health/node/n1"), ("PUT", "/v1/agent/maintenance?enable=true"), ("GET", "/v1/agent/checks"), ("PUT", "/v1/agent/maintenance?enable=false"),
    ("PUT", "/v1/agent/check/register", js({"Name": "mem", "TTL": "600s", "ServiceID": "one"})), ("PUT", "/v1/agent/check/register", js({"ID": "own", "Name": "own", "ttl": "600s", "status": "warning", "notes": "nn"})), ("PUT", "/v1/agent/check/register", js({"CheckID": "own2", "Name": "own2", "TTL": "600s"})), SETTLE, ("GET", "/v1/agent/checks"), ("GET", "/v1/health/node/n1"), ("GET", "/v1/health/checks/one"),
    ("PUT", "/v1/agent/check/register", js({"Name": "bad", "TTL": "600s", "Status": "odd"})), ("PUT", "/v1/agent/check/register", js({"Name": "bad", "Interval": "10s"})), ("PUT", "/v1/agent/check/register", js({"Name": "bad", "Args": ["true"]})), ("PUT", "/v1/agent/check/register", js({"Name": "bad", "Args": ["true"], "Interval": "10s"})), ("PUT", "/v1/agent/check/register", js({"Name": "bad", "Script": "x"})),
    ("PUT", "/v1/agent/check/register", js({"Name": "bad", "HTTP": "http://x"})), ("PUT", "/v1/agent/check/register", js({"Name": "bad", "TTL": "-1s"})), ("PUT", "/v1/agent/check/register", js({"TTL": "5s"})), ("PUT", "/v1/agent/check/register", js({"Name": "bad", "TTL": "5s", "Odd": 1})), ("PUT", "/v1/agent/check/register", "x"), ("PUT", "/v1/agent/check/register"),
    ("PUT", "/v1/agent/check/deregister/own"), ("PUT", "/v1/agent/check/deregister/own2"), ("PUT", "/v1/agent/check/deregister/own"), ("PUT", "/v1/agent/check/deregister/"), ("PUT", "/v1/agent/check/deregister/mem"), SETTLE, ("GET", "/v1/agent/checks"),
    register(name="snaky", id="sn", tags=["t"], port=9, address="a.example", meta={"k": "v"}, enable_tag_override=True, tagged_addresses={"wan": {"address": "9.9.9.9", "port": 1}}, weights={"passing": 2, "warning": 1}, check={"ttl": "600s", "deregister_critical_service_after": "90m", "status": "passing", "notes": "n", "check_id": "given", "name": "given name"}), SETTLE, ("GET", "/v1/agent/service/sn"), ("GET", "/v1/agent/checks"), ("GET", "/v1/health/service/snaky"),
    *(register(**body) for body in ({"Name": ""}, {"ID": "x"}, {"Name": "bad", "Port": -1}, {"Name": "bad", "Port": 70000}, {"Name": "bad", "Port": "80"}, {"Name": "bad", "Port": 1.5}, {"Name": 5}, {"Name": "bad", "Tags": "x"}, {"Name": "bad", "Tags": [5]}, {"Name": "bad", "Meta": {"a": 5}}, {"Name": "bad", "Meta": {"": "x"}}, {"Name": "bad", "Meta": {"a b": "x"}}, {"Name": "bad", "Meta": {"k" * 129: "x"}}, {"Name": "bad", "Meta": {"k": "v" * 513}},
                                    {"Name": "bad", "Weights": {"Passing": -1}}, {"Name": "bad", "Weights": {"Passing": 0, "Warning": 1}}, {"Name": "bad", "Weights": {"Passing": 70000, "Warning": 1}}, {"Name": "bad", "Weights": {"Passing": 1, "Warning": -1}}, {"Name": "bad", "Kind": "odd"}, {"Name": "bad", "Check": {"Status": "odd", "TTL": "5s"}}, {"Name": "bad", "Check": {}}, {"Name": "bad", "Check": {"Status": ""}}, {"Name": "bad", "Check": {"Name": "x"}}, {"Name": "bad", "Check": {"Interval": "5s"}}, {"Name": "bad", "Checks": [{}]}, {"Name": "bad", "Check": {"TTL": "5s", "Odd": 1}},
                                    {"Name": "bad", "Check": None}, {"Name": "bad", "Address": 5}, {"Name": "bad", "Address": "0.0.0.0"}, {"Name": "bad", "Address": "::"}, {"Name": "bad", "TaggedAddresses": {"x": {"Address": "0.0.0.0"}}}, {"Name": "bad", "TaggedAddresses": {"x": "y"}}, {"Name": "bad", "Token": "x"}, {"Name": "bad", "Namespace": "x"}, {"Name": "under_score"}, {"Name": "bad", "Datacenter": "x"}, {"Name": "bad", "Connect": {}}, {"Name": "bad", "EnableTagOverride": "x"}, {"Name": "Upper"}, {"Name": "bad name!"})),
    SETTLE, ("GET", "/v1/agent/services"), *(("PUT", f"/v1/agent/service/deregister/{i}") for i in ("bad", "x", "under_score", "Upper", "bad%20name!")), ("PUT", "/v1/agent/service/register", "[]"), ("PUT", "/v1/agent/service/register", "null"), ("PUT", "/v1/agent/service/register"), ("PUT", "/v1/agent/service/register", '{"Name":"trail"} x'), ("PUT", "/v1/agent/service/deregister/trail"),
    register(Name="one", ID="one-2", Port=83), SETTLE, ("GET", "/v1/agent/service/one-2"), ("GET", "/v1/catalog/service/one"), register(Name="renamed", ID="one-2", Port=83), SETTLE, ("GET", "/v1/catalog/service/one"), ("GET", "/v1/catalog/service/renamed"),
    register(Name="checked"), SETTLE, ("GET", "/v1/agent/checks"), ("PUT", "/v1/agent/service/register?replace-existing-checks", js({"Name": "checked"})), SETTLE, ("GET", "/v1/agent/checks"), ("PUT", "/v1/agent/service/register?replace-existing-checks=true", js({"Name": "checked", "Check": {"TTL": "600s"}})), SETTLE, ("GET", "/v1/agent/checks"),
    ("GET", "/v1/agent/service/consul"), ("PUT", "/v1/agent/service/deregister/consul"), ("GET", "/v1/agent/service/"), ("GET", "/v1/agent/service/none?pretty"), ("PUT", "/v1/agent/service/deregister/"), ("PUT", "/v1/agent/service/deregister/one"), ("PUT", "/v1/agent/service/deregister/one-2"), ("PUT", "/v1/agent/service/deregister/checked"), ("PUT", "/v1/agent/service/deregister/sn"), ("PUT", "/v1/agent/service/deregister/checked"), SETTLE,
    ("GET", "/v1/agent/services"), ("GET", "/v1/agent/checks"), ("GET", "/v1/catalog/services"), ("GET", "/v1/catalog/service/one"), ("GET", "/v1/health/checks/checked"), ("GET", "/v1/health/node/n1"), ("GET", "/v1/catalog/node/n1"), ("GET", "/v1/agent/members"), ("GET", "/v1/agent/members?wan"), ("GET", "/v1/agent/members?segment=x"), ("GET", "/v1/agent/members?segment=_all"), ("GET", "/v1/agent/self"), ("GET", "/v1/status/leader"), ("GET", "/v1/status/peers"), ("GET", "/v1/status/leader?pretty"), ("GET", "/v1/status/peers?pretty"),
    *every_method("/v1/agent/self"), *every_method("/v1/agent/members"), *every_method("/v1/agent/services"), *every_method("/v1/agent/checks"), *every_method("/v1/status/leader"), ("GET", "/v1/agent/maintenance?enable=true"), ("GET", "/v1/agent/check/pass/x"), ("POST", "/v1/agent/service/register", "{}"), ("GET", "/v1/agent/service/deregister/x"), ("DELETE", "/v1/agent/service/deregister/x"), ("POST", "/v1/agent/check/update/x"), ("OPTIONS", "/v1/agent/service/register"), ("OPTIONS", "/v1/agent/check/pass/x"), ("GET", "/v1/agent/service/maintenance/x"),
]

REMOTE = {"ID": "rs", "Service": "far", "Port": 7, "Tags": ["t", "u"], "Address": "10.2.2.3", "Meta": {"version": "2"}}
CHECK = {"CheckID": "rc", "Name": "up", "Status": "passing", "ServiceID": "rs", "Notes": "n", "Output": "o"}

CATALOG = [
    node("cn", NodeMeta={"rack": "a"}, TaggedAddresses={"lan": "10.2.2.2", "wan": "5.5.5.5"}, Service=REMOTE, Check=CHECK), ("GET", "/v1/catalog/nodes"), ("GET", "/v1/catalog/nodes?pretty"), ("GET", "/v1/catalog/node/cn"), ("GET", "/v1/catalog/node/cn?pretty"), ("GET", "/v1/catalog/node-services/cn"), ("GET", "/v1/catalog/service/far"), ("GET", "/v1/health/service/far"), ("GET", "/v1/health/node/cn"), ("GET", "/v1/health/checks/far"), ("GET", "/v1/health/state/any"), ("GET", "/v1/health/state/passing?pretty"),
    ("GET", "/v1/catalog/services"), ("GET", "/v1/catalog/services?node-meta=rack:a"), ("GET", "/v1/catalog/services?node-meta=rack:b"), ("GET", "/v1/catalog/nodes?node-meta=rack:a"), ("GET", "/v1/catalog/nodes?node-meta=rack:a&node-meta=x:y"), ("GET", "/v1/catalog/nodes?node-meta=rack"), ("GET", "/v1/health/service/far?node-meta=rack:a"), ("GET", "/v1/health/service/far?node-meta=rack:b"), ("GET", "/v1/health/checks/far?node-meta=rack:b"), ("GET", "/v1/health/state/any?node-meta=rack:a"), ("GET", "/v1/catalog/service/far?node-meta=rack:a"),
    *(("GET", f"/v1/catalog/service/far?filter={f}") for f in ("ServicePort==7", "ServiceMeta.version==2", "%22t%22%20in%20ServiceTags", "ServiceTags%20contains%20u", "NodeMeta.rack!=a", "NodeMeta.none==x", "NodeMeta%20is%20empty", "not%20ServiceID==rs", "Address%20matches%20%22%5E10%22", "Node==cn%20and%20(ServicePort==7%20or%20ServicePort==8)", "ServicePort==x", "Service==far", "ServiceTags==t", "Address%20matches%20%22(%22", "ServiceTaggedAddresses.lan.Port==7", "Datacenter==dc1")),
    *(("GET", f"/v1/health/service/far?filter={f}") for f in ("Service.Port==7", "Node.Meta.rack==a", "Checks.Status==passing", "Checks%20is%20not%20empty", "Service.Tags%20not%20contains%20t", "Node.Node==cn", "Odd.x==1", "Node.Odd.x==1", "Checks.Odd.y==1", "Node.Node.y==1", "Node==1")), *(("GET", f"/v1/health/state/any?filter={f}") for f in ("CheckID==rc", "Status==critical", "ServiceTags%20contains%20t", "Odd==1")),
    ("GET", "/v1/catalog/nodes?filter=Address==10.2.2.2"), ("GET", "/v1/catalog/nodes?filter=Meta.rack==a"), ("GET", "/v1/catalog/node/cn?filter=Port==7"), ("GET", "/v1/catalog/node/cn?filter=Port==8"), ("GET", "/v1/catalog/node-services/cn?filter=Port==8"), ("GET", "/v1/health/node/cn?filter=Status==passing"), ("GET", "/v1/health/checks/far?filter=Status!=passing"), ("GET", "/v1/health/state/"), ("GET", "/v1/health/state/odd"), ("GET", "/v1/health/node/"), ("GET", "/v1/health/checks/"), ("GET", "/v1/health/service/"),
    node("cn"), ("GET", "/v1/catalog/node/cn"), ("PUT", "/v1/catalog/register", js({"Node": "cn", "Address": "10.2.2.9", "SkipNodeUpdate": True, "Check": {"Name": "nodecheck", "Status": "warning"}})), ("GET", "/v1/catalog/nodes"), ("GET", "/v1/health/node/cn"), ("GET", "/v1/health/service/far"), ("GET", "/v1/health/service/far?passing"), ("GET", "/v1/health/state/warning"),
    node("cn", Checks=[{"CheckID": "a1", "Name": "a1"}, {"CheckID": "a2", "Name": "a2", "Status": "critical", "ServiceID": "rs"}]), ("GET", "/v1/health/node/cn"), node("cn", Check={"CheckID": "a1", "Status": "odd"}), ("GET", "/v1/health/node/cn"), node("cn", Check={"CheckID": "a3", "Name": "a3", "Status": "passing", "Node": "other"}), node("cn", Check={"Status": "passing"}), node("cn", Check={}), node("cn", Service={}), node("cn", Service={"Service": "noid"}), ("GET", "/v1/catalog/node-services/cn"), node("cn", Service={"ID": "noname"}),
    node("cn", Service={"Service": "neg", "Port": -1}), node("cn", Service={"Service": "weights", "Weights": {"Passing": 0}}), node("cn", Service={"Service": "w2", "Weights": {"Passing": 3, "Warning": 2}}), ("GET", "/v1/catalog/service/w2"), node("cn", Datacenter="other"), node("cn", ID="x"), node("cn", ID="11111111-2222-3333-4444-555555555555"), ("GET", "/v1/catalog/node/cn"), ("PUT", "/v1/catalog/register", js({"Node": "cn-new", "Address": "10.2.2.2", "ID": "11111111-2222-3333-4444-555555555555"})), ("GET", "/v1/catalog/node/cn-new"), ("GET", "/v1/catalog/node/cn"),
    node("cn-new", ID="11111111-2222-3333-4444-666666666666"), node("n1", ID="11111111-2222-3333-4444-777777777777"), node(""), ("PUT", "/v1/catalog/register", js({"Node": "x", "Address": ""})), ("PUT", "/v1/catalog/register", js({"node": "lower", "address": "1.1.1.1", "service": {"service": "lows"}, "NodeMeta": {"c": "d"}})), ("GET", "/v1/catalog/node/lower"), node("cn", Odd=1), node("cn", node_meta={}), node("cn", Service={"Service": "s", "tagged_addresses": {}}), node("cn", Service={"Service": "s", "enable_tag_override": True}), node("cn", NodeMeta={"": "x"}), node("cn", NodeMeta={"consul-x": "x"}), node("cn", NodeMeta={"k": 5}), node("cn", Service=5), node("cn", Service={"Service": "s", "Port": "x"}), node("cn", Check={"CheckID": "d", "Name": "d", "Definition": {"HTTP": "http://x", "Interval": "10s", "Timeout": "1s", "DeregisterCriticalServiceAfter": "1m"}}), ("GET", "/v1/health/node/cn"),
    ("PUT", "/v1/catalog/register", "[]"), ("PUT", "/v1/catalog/register", "null"), ("PUT", "/v1/catalog/register"), ("PUT", "/v1/catalog/deregister"), ("PUT", "/v1/catalog/deregister", "x"), ("PUT", "/v1/catalog/deregister", js({"Node": "cn", "CheckID": "none"})), ("PUT", "/v1/catalog/deregister", js({"Node": "cn", "ServiceID": "none"})), ("PUT", "/v1/catalog/deregister", js({"Node": "cn", "CheckID": "a1"})), ("PUT", "/v1/catalog/deregister", js({"Node": "cn", "Datacenter": "other"})), ("PUT", "/v1/catalog/deregister", js({"Node": "cn-new", "ServiceID": "rs"})), ("PUT", "/v1/catalog/deregister", js({"Node": "cn", "ServiceID": "rs", "CheckID": "rc"})), ("PUT", "/v1/catalog/deregister", js({"node": "lower"})),
    ("GET", "/v1/catalog/service/far"), ("GET", "/v1/health/service/far"), ("GET", "/v1/health/checks/far"), *(("PUT", "/v1/catalog/deregister", js({"Node": n})) for n in ("cn", "cn-new", "other", "lower")), ("PUT", "/v1/catalog/deregister", js({"Address": "1.1.1.1"})), ("PUT", "/v1/catalog/register?pretty", js({"Node": "py", "Address": "1.1.1.1"})), ("PUT", "/v1/catalog/deregister?pretty", js({"Node": "py"})), ("GET", "/v1/catalog/datacenters"), ("GET", "/v1/catalog/datacenters?pretty"), ("GET", "/v1/catalog/nodes"), ("GET", "/v1/catalog/services"), ("GET", "/v1/health/state/any"), ("GET", "/v1/health/service/consul"), ("GET", "/v1/catalog/service/consul"), ("GET", "/v1/catalog/node-services/n1"), ("GET", "/v1/health/service/consul?near=_agent"), ("GET", "/v1/catalog/nodes?near=n1"),
    *every_method("/v1/catalog/nodes"), *every_method("/v1/catalog/register", "{}"), *every_method("/v1/catalog/service/x"), *every_method("/v1/health/service/x"), *every_method("/v1/catalog/datacenters"), *every_method("/v1/health/state/any")[1:],
]

FILTERS = [
    *(node("fn", Service={"ID": f"s{number:02}", "Service": "texts", "Meta": {"m": text}}) for number, text in enumerate(golden_filters.TEXTS)),
    *(("GET", path) for path in golden_filters.paths("/v1/catalog/node-services/fn")), ("PUT", "/v1/catalog/deregister", js({"Node": "fn"})),
]

PATHS = [
    *(("GET", path) for path in ("/", "/v1", "/v1/", "/v2/kv/a", "/v1/none", "/v1/kvx", "/v1/KV/a", "/V1/kv/a", "/v1/agent", "/v1/agent/", "/v1/agent/none", "/v1/agent/self/", "/v1/agent/self/x", "/v1/catalog", "/v1/catalog/", "/v1/catalog/none", "/v1/catalog/nodes/", "/v1/catalog/node", "/v1/catalog/node/", "/v1/catalog/service", "/v1/catalog/service/",
                                 "/v1/catalog/node-services", "/v1/catalog/node-services/", "/v1/health", "/v1/health/service", "/v1/health/none/x", "/v1/status", "/v1/status/none", "/v1/session/none", "/v1/txn/x", "/favicon.ico", "/ui", "/ui/", "//v1/kv/a", "/../v1/kv/a", "/v1/./kv/a", "/index.html", "/v1/agent/service", "/v1/agent/health", "/v1/agent/health/service/id", "/v1/agent/check/none/x", "/v1/operator/none", "/v1/internal/none", "/v1/config/none/x",
                                 "/v1/peerings", "/v1/namespaces", "/v1/partitions", "/v1/exported-services", "/v1/agent/version", "/v1/catalog/nodes?", "/v1/catalog/nodes?&", "/v1/catalog/nodes?=", "/v1/catalog/nodes?a", "/v1/catalog/nodes?a=b=c", "/v1/catalog/nodes?%", "/v1/catalog/datacenters?%zz", "/v1/status/leader?%zz", "/v1/agent/services?%zz")),
    *every_method("/"), *every_method("/v1/none"), *every_method("/v1/health/service"), ("POST", "/v1//none", "x"), ("PUT", "/v1//kv/a", "x"), ("HEAD", "/v1//kv/a"), ("OPTIONS", "/v1//kv/a"), ("OPTIONS", "*"), ("GET", "/v1/kv/p", None, {"Connection": "close"}), ("PUT", "/v1/kv/p", "x", {"Expect": "100-continue"}), ("PUT", "/v1/kv/p", "x", {"Content-Encoding": "gzip"}), ("DELETE", "/v1/kv/p"),
    ("GET", "/v1/catalog/nodes", None, {"Origin": "http://x"}), ("GET", "/v1/catalog/nodes", None, {"Accept": "text/html"}), ("GET", "/v1/catalog/nodes", "a body"),
]

# Where Roost differs on purpose, and why; Docs.docc/Limits.md says it to its readers. What is matched: "METHOD PATH BODY".
DELIBERATE = [
    (r"GET \S*[?&]partition=x", "1.8.7 passes over a partition; newer ones refuse it, and an answer from another tenancy misleads"),
    (r"GET /v1/agent/checks\?filter=Nope", "1.8.7 lets a bad selector pass on this one endpoint"),
    (r"PUT \S+/big\?cas=x", "a body that is too large is refused by its head alone, before the rest is looked at"),
    (r"GET /v1/kv/w/html .*gzip", "an answer that fits in a packet is not compressed"),
    (r"GET /v1/catalog/datacenters\?\S*consistent", "1.8.7 writes the answer after the error"),
    (r"PUT /v1/txn .*get-or-empty", "a verb of newer Consuls"),
    (r"PUT /v1/txn .*check-not-exists.*odd", "with an unknown verb nothing else is tried, and the verb alone is told"),
    (r"PUT /v1/txn \[null\]", "1.8.7 drops the connection"),
    (r"PUT /v1/agent/check/register .*(Args|HTTP).*", "checks that the server makes are not served yet"),
    (r"GET /v1/config/", "the mesh is not served"),
    (r"GET /v1/agent/version", "newer Consuls tell it"),
]


def is_deliberate(answer):
    asked = " ".join(str(part) for part in answer["ask"])
    return any(re.match(pattern, asked) for pattern, _ in DELIBERATE)


FAMILIES = {"keys": KEYS, "options": OPTIONS, "sessions": SESSIONS, "transactions": TRANSACTIONS, "agent": AGENT, "catalog": CATALOG, "filters": FILTERS, "paths": PATHS}


class Recorder:
    """Asks one by one; ids and indexes are named in the order of their first appearance."""

    def __init__(self, base, settles):
        self.host, self.settles = base.removeprefix("http://"), settles
        self.ids, self.indexes, self.said = {}, {}, {"session": NO_SESSION, "index": 1}

    def ask(self, method, path, body, headers):
        """On a connection of its own, so that what one request does to it is no other's matter."""
        connection = http.client.HTTPConnection(self.host, timeout=SECONDS_MAX)
        try:
            connection.putrequest(method, self.filled(path), skip_accept_encoding=True)
            sent = None if body is None else self.filled(body).encode()
            if sent is not None or method in ("PUT", "POST", "PATCH"):
                connection.putheader("Content-Length", str(len(sent or b"")))
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders(sent)
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def filled(self, text):
        for word, value in self.said.items():
            text = text.replace("{" + word + "}", str(value))
        return text

    def record(self, method, path, body=None, headers=None):
        asked = {"ask": [method, path] + ([self.shown(body)] if body is not None or headers else []) + ([headers] if headers else [])}
        try:
            status, got, raw = self.ask(method, path, body, headers)
        except (TimeoutError, http.client.RemoteDisconnected):
            return {**asked, "status": "no answer", "body": "", "headers": {}}
        self.numbers = path.startswith(NUMBERED) and not re.search("Node|Service|Check", body or "")
        answer = {**asked, "status": status}
        if got["Content-Encoding"] == "gzip":
            raw = gzip.decompress(raw)
        text = raw.decode("utf-8", "backslashreplace")
        try:
            value = json.loads(text)
            self.remember(value)
            is_self = path.startswith("/v1/agent/self")
            answer["body"] = shape(value) if is_self else self.pretty(text) if "pretty" in path else self.value(value)
        except ValueError:
            answer["body"] = self.text(text) if len(text) < 2000 else f"{text[:20]}... {len(text)} bytes"
        answer["headers"] = {name: self.header(name, got[name]) for name in sorted(set(got.keys())) if name.lower() not in LEFT_OUT}
        return answer

    @staticmethod
    def shown(body):
        return body if len(body or "") < 2000 else f"{body[:40]}... {len(body)} bytes"

    def header(self, name, value):
        if name == "X-Cache":
            return "MISS"  # nothing is cached here: the state itself is as quick, and never old
        if name == "X-Consul-Index":
            return self.indexes.get(int(value), "N") if self.numbers else "N"
        return self.text(value)

    def text(self, text):
        text = re.sub(r"(current modify index) \d+", r"\1 N", text)
        text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
        return UUID.sub(lambda m: m.group(0) if m.group(0) == NO_SESSION else self.ids.setdefault(m.group(0), f"uuid{len(self.ids) + 1}"), text)

    def pretty(self, text):
        """As it stands, with the order of its members: people read it."""
        text = re.sub(r'"((?:Create|Modify)Index)": \d+', r'"\1": N', text)
        text = re.sub(r'"ContentHash": "[0-9a-f]+"', '"ContentHash": "HASH"', text)
        return self.text(re.sub(r'"(Port|port)": (\d{5})\b', r'"\1": PORT', text)).split("\n")

    def value(self, value, key=None):
        if isinstance(value, dict):
            return {k: self.value(v, k) for k, v in value.items()}
        if isinstance(value, list):
            if value and isinstance(value[0], dict) and "LockDelay" in value[0]:
                value = sorted(value, key=lambda v: v["CreateIndex"])  # their order is that of random ids
            return sorted((self.value(v) for v in value), key=lambda v: v.get("CheckID", "") if isinstance(v, dict) else "")
        if key in ("CreateIndex", "ModifyIndex") and value:
            return self.indexes.setdefault(value, f"index{len(self.indexes) + 1}") if self.numbers else "N"
        if key in ("Port", "ServicePort", "port") and str(value).isdigit() and int(value) > 20000:
            return "PORT"
        return self.text(value) if isinstance(value, str) else value

    def remember(self, value):
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(value, dict) and "ID" in value:
            self.said["session"] = value["ID"]
        if isinstance(first, dict) and "ModifyIndex" in first and isinstance(value, list):
            self.said["index"] = first["ModifyIndex"]


def shape(value):
    """What there is, without what it says; DebugConfig lists Go's own settings."""
    if not isinstance(value, dict):
        return type(value).__name__
    return {k: shape(v) for k, v in value.items() if k not in ("DebugConfig", "Stats")}


def record_families(base, settles):
    recorded = {}
    for family, requests in FAMILIES.items():
        recorder = Recorder(base, settles)
        answers = recorded[family] = []
        for request in requests:
            if request == SETTLE:
                time.sleep(SETTLE_SECONDS if settles else 0)
            else:
                answers.append(recorder.record(*request))
    return recorded
