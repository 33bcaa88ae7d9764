"""Consul's HTTP API: blocking queries, locks that break, expiry, and headers, where the golden list cannot wait for time."""

import base64
import gzip
import json
import threading
import time

import pytest
import requests

from servers import eventually


class Api:
    def __init__(self, base):
        self.base = base

    def __call__(self, method, path, **options):
        with requests.Session() as s:
            s.trust_env = False
            return s.request(method, f"{self.base}/v1/{path}", timeout=60, **options)

    def get(self, path, **options):
        return self("GET", path, **options)

    def put(self, path, body="", **options):
        body = json.dumps(body) if isinstance(body, (dict, list)) else body
        reply = self("PUT", path, data=body, **options)
        return reply

    def index(self, path):
        return int(self.get(path).headers["X-Consul-Index"])

    def session(self, **options):
        return self.put("session/create", options or {"LockDelay": "0s"}).json()["ID"]


@pytest.fixture
def api(consul):
    return Api(consul.http)


class Blocked:
    """A blocking query on its own thread."""

    def __init__(self, api, path, index, wait="30s"):
        self.reply, self.took = None, None
        mark = "&" if "?" in path else "?"
        url = f"{path}{mark}index={index}&wait={wait}"

        def ask():
            started = time.monotonic()
            self.reply = api.get(url)
            self.took = time.monotonic() - started
        self.thread = threading.Thread(target=ask, daemon=True)
        self.thread.start()

    def sleeps(self, seconds=0.3):
        self.thread.join(seconds)
        return self.thread.is_alive()

    def wakes(self, seconds=10):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "still blocked"
        return self.reply


def index_of(reply):
    return int(reply.headers["X-Consul-Index"])


# Blocking

@pytest.mark.parametrize("query", ["kv/{n}/a", "kv/{n}/a?raw", "kv/{n}/?recurse", "kv/{n}/?keys", "kv/{n}/?keys&separator=/"])
@pytest.mark.parametrize("change", ["set", "delete", "delete-tree", "txn", "acquire"])
def test_a_change_wakes_its_key_and_its_prefix_and_another_does_not(api, name, query, change):
    key, other = f"{name}/a", f"{name}x/a"
    path = query.replace("{n}", name)
    api.put(f"kv/{key}", "one")
    session = api.session() if change == "acquire" else None
    index = api.index(path)
    blocked = Blocked(api, path, index)
    api.put(f"kv/{other}", "other")
    api.put(f"kv/{key}", "one")  # the same value again is no change
    assert blocked.sleeps()
    if change == "set":
        api.put(f"kv/{key}", "two")
    elif change == "delete":
        api("DELETE", f"kv/{key}")
    elif change == "delete-tree":
        api("DELETE", f"kv/{name}/?recurse")
    elif change == "txn":
        api.put("txn", [{"KV": {"Verb": "set", "Key": key, "Value": "Mg=="}}])
    else:
        assert api.put(f"kv/{key}?acquire={session}", "mine").text == "true"
    reply = blocked.wakes()
    assert index_of(reply) > index
    assert reply.status_code == (404 if change.startswith("delete") else 200)


@pytest.mark.parametrize("query", ["kv/{n}/a", "kv/{n}/?recurse", "kv/{n}/?keys"])
def test_what_is_missing_can_be_waited_for(api, name, query):
    path = query.replace("{n}", name)
    reply = api.get(path)
    assert reply.status_code == 404 and reply.content == b"" and index_of(reply) >= 1
    blocked = Blocked(api, path, index_of(reply))
    assert blocked.sleeps()
    api.put(f"kv/{name}/a", "here")
    woken = blocked.wakes()
    assert woken.status_code == 200 and index_of(woken) > index_of(reply)


@pytest.mark.parametrize("given", ["0", "1"])
def test_an_old_index_is_answered_at_once(api, name, given):
    api.put(f"kv/{name}", "x")
    blocked = Blocked(api, f"kv/{name}", given)
    assert blocked.wakes().status_code == 200 and blocked.took < 5


def test_the_wait_ends_with_the_same_index_and_data(api, name):
    api.put(f"kv/{name}", "x")
    first = api.get(f"kv/{name}")
    blocked = Blocked(api, f"kv/{name}", index_of(first), "1s")
    reply = blocked.wakes()
    assert reply.content == first.content and index_of(reply) == index_of(first)
    assert 1 <= blocked.took < 4


def test_a_future_index_waits_out_its_time_and_answers_the_real_one(api, name):
    api.put(f"kv/{name}", "x")
    real = api.index(f"kv/{name}")
    blocked = Blocked(api, f"kv/{name}", real + 100000, "1s")
    assert blocked.sleeps()
    api.put(f"kv/{name}", "y")
    assert blocked.sleeps()
    reply = blocked.wakes()
    assert real < index_of(reply) < real + 100000 and blocked.took >= 1


def test_the_index_of_a_prefix_does_not_go_back_when_its_newest_key_goes(api, name):
    api.put(f"kv/{name}/a", "1")
    api.put(f"kv/{name}/b", "1")
    before = api.index(f"kv/{name}/?recurse")
    api("DELETE", f"kv/{name}/b")
    assert api.index(f"kv/{name}/?recurse") > before


def test_catalog_and_health_wake_on_the_first_registration_alone(api, name):
    # Consul 1.8.7 has an index for services that are not there only since one was deregistered.
    gone = {"Node": f"{name}-gone", "Address": "10.0.0.1"}
    api.put("catalog/register", {**gone, "Service": {"Service": "gone", "ID": "gone"}})
    api.put("catalog/deregister", {**gone, "ServiceID": "gone"})
    paths = [f"health/service/{name}", f"catalog/service/{name}"]
    blocked = [Blocked(api, path, api.index(path)) for path in paths]
    api.put("agent/service/register", {"Name": f"{name}-other"})
    assert all(b.sleeps() for b in blocked)
    api.put("agent/service/register", {"Name": name, "Check": {"TTL": "60s"}})
    assert all(b.wakes().json() for b in blocked)
    status = f"health/service/{name}?passing"
    eventually(lambda: api.get(f"health/checks/{name}").json())
    waiting = Blocked(api, status, api.index(status))
    assert waiting.sleeps()
    api.put(f"agent/check/pass/service:{name}")
    eventually(lambda: api.get(status).json())
    waiting.wakes()
    gone = Blocked(api, f"catalog/service/{name}", api.index(f"catalog/service/{name}"))
    for service in (name, f"{name}-other"):
        api.put(f"agent/service/deregister/{service}")
    assert gone.wakes().json() == []


@pytest.mark.roost_only  # 1.8.7: does not wake, and the index goes down
@pytest.mark.parametrize("query", ["catalog/node/{n}", "catalog/node-services/{n}"])
def test_who_waits_for_a_node_hears_that_it_went(api, name, query):
    path = query.replace("{n}", name)
    api.put("catalog/register", {"Node": name, "Address": "10.0.0.1"})
    index = api.index(path)
    blocked = Blocked(api, path, index)
    api.put("catalog/register", {"Node": f"{name}-other", "Address": "10.0.0.1"})
    assert blocked.sleeps()
    api.put("catalog/deregister", {"Node": name})
    assert index_of(blocked.wakes()) > index
    api.put("catalog/deregister", {"Node": f"{name}-other"})


@pytest.mark.roost_only  # 1.8.7's agent writes to its catalog in its own time
def test_lists_of_nodes_services_and_checks_wake_on_their_changes_alone(api, name):
    paths = ["catalog/nodes", "catalog/services", "health/state/any"]
    blocked = {path: Blocked(api, path, api.index(path)) for path in paths}
    api.put(f"kv/{name}", "x")
    assert all(b.sleeps(0.1) for b in blocked.values())
    api.put("catalog/register", {"Node": name, "Address": "10.0.0.1"})
    assert name in [n["Node"] for n in blocked["catalog/nodes"].wakes().json()]
    assert blocked["health/state/any"].sleeps()
    api.put("catalog/register", {"Node": name, "Address": "10.0.0.1", "SkipNodeUpdate": True, "Service": {"Service": name}})
    assert name in blocked["catalog/services"].wakes().json()
    check = {"CheckID": name, "Name": name, "Status": "warning"}
    api.put("catalog/register", {"Node": name, "Address": "10.0.0.1", "SkipNodeUpdate": True, "Check": check})
    assert name in [c["CheckID"] for c in blocked["health/state/any"].wakes().json()]
    api.put("catalog/deregister", {"Node": name})


def test_the_agents_own_service_is_waited_for_by_its_hash(api, name):
    api.put("agent/service/register", {"Name": name, "Port": 1})
    path = f"agent/service/{name}"
    first = api.get(path)
    content = first.headers["X-Consul-ContentHash"]
    assert content == first.json()["ContentHash"] and "X-Consul-Index" not in first.headers

    def waiting(given, wait="30s"):
        reply = []
        thread = threading.Thread(target=lambda: reply.append(api.get(f"{path}?hash={given}&wait={wait}")), daemon=True)
        thread.start()
        return thread, reply, time.monotonic()
    thread, reply, _ = waiting("0" * 16)
    thread.join(5)
    assert reply and reply[0].json() == first.json()  # another hash is answered at once
    thread, reply, started = waiting(content, "1s")
    thread.join(10)
    assert reply[0].headers["X-Consul-ContentHash"] == content and time.monotonic() - started >= 1
    thread, reply, _ = waiting(content)
    api.put("agent/service/register", {"Name": f"{name}-other", "Port": 1})
    thread.join(0.3)
    assert thread.is_alive()
    api.put("agent/service/register", {"Name": name, "Port": 2})
    thread.join(10)
    assert reply[0].json()["Port"] == 2 and reply[0].headers["X-Consul-ContentHash"] != content
    for service in (name, f"{name}-other"):
        api.put(f"agent/service/deregister/{service}")


@pytest.mark.parametrize("query", ["", "stale", "consistent"])
def test_every_consistency_can_wait(api, name, query):
    api.put(f"kv/{name}", "one")
    path = f"kv/{name}?{query}" if query else f"kv/{name}"
    blocked = Blocked(api, path, api.index(path))
    assert blocked.sleeps()
    api.put(f"kv/{name}", "two")
    assert base64.b64decode(blocked.wakes().json()[0]["Value"]) == b"two"


def test_session_lists_can_be_waited_on(api):
    blocked = Blocked(api, "session/list", api.index("session/list"))
    assert blocked.sleeps()
    session = api.session()
    assert session in [s["ID"] for s in blocked.wakes().json()]
    info = Blocked(api, f"session/info/{session}", api.index(f"session/info/{session}"))
    assert info.sleeps()
    api.put(f"session/destroy/{session}")
    assert info.wakes().json() == []


# Headers

def test_reply_headers(api, name):
    api.put(f"kv/{name}", "x")
    headers = api.get(f"kv/{name}").headers
    assert headers["X-Consul-KnownLeader"] == "true" and headers["X-Consul-LastContact"] == "0"
    assert headers["Content-Type"] == "application/json" and headers["Vary"] == "Accept-Encoding"
    raw = api.get(f"kv/{name}?raw")
    assert raw.content == b"x" and "X-Consul-Index" in raw.headers


def test_gzip_is_honoured(api, name):
    value = "abc" * 5000
    api.put(f"kv/{name}", value)
    reply = api.get(f"kv/{name}", headers={"Accept-Encoding": "gzip"}, stream=True)
    assert reply.headers["Content-Encoding"] == "gzip"
    entry = json.loads(gzip.decompress(reply.raw.read(decode_content=False)))[0]
    assert base64.b64decode(entry["Value"]).decode() == value
    plain = api.get(f"kv/{name}", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


def test_any_bytes_are_a_value(api, name):
    value = bytes(range(256))
    api.put(f"kv/{name}", value)
    assert api.get(f"kv/{name}?raw").content == value
    assert base64.b64decode(api.get(f"kv/{name}").json()[0]["Value"]) == value


def test_keys_of_any_kind(api, name):
    keys = [f"{name}/a b", f"{name}/é", f"{name}/%25", f"{name}/x?y", f"{name}/" + "k" * 1500]
    for key in keys:
        assert api.put(f"kv/{requests.utils.quote(key)}", "x").text == "true"
    assert api.get(f"kv/{name}/?keys").json() == sorted(keys, key=str.encode)
    for key in keys:
        assert api.get(f"kv/{requests.utils.quote(key)}").json()[0]["Key"] == key


# Sessions

@pytest.mark.parametrize("behaviour", ["release", "delete"])
def test_a_session_without_renewal_expires_and_lets_go(api, name, behaviour):
    session = api.session(TTL="10s", Behavior=behaviour, LockDelay="0s")
    assert api.put(f"kv/{name}?acquire={session}", "x").text == "true"
    blocked = Blocked(api, f"kv/{name}", api.index(f"kv/{name}"), "60s")
    reply = blocked.wakes(30)
    assert 9 <= blocked.took <= 25
    if behaviour == "delete":
        assert reply.status_code == 404
    else:
        assert "Session" not in reply.json()[0] and reply.json()[0]["LockIndex"] == 1
    assert api.get(f"session/info/{session}").json() == []


def test_renewal_keeps_a_session(api):
    session = api.session(TTL="10s", LockDelay="0s")
    deadline = time.monotonic() + 22
    while time.monotonic() < deadline:
        assert api.put(f"session/renew/{session}").json()[0]["ID"] == session
        time.sleep(4)  # the time between two renewals of a real client
    assert api.get(f"session/info/{session}").json()[0]["TTL"] == "10s"


def test_the_lock_delay_keeps_others_out_after_a_session_was_destroyed(api, name):
    holder, other = api.session(LockDelay="3s"), api.session()
    assert api.put(f"kv/{name}?acquire={holder}", "x").text == "true"
    api.put(f"session/destroy/{holder}")
    started = time.monotonic()
    assert api.put(f"kv/{name}?acquire={other}", "y").text == "false"
    eventually(lambda: api.put(f"kv/{name}?acquire={other}", "y").text == "true", 15, pause=0.1)
    assert 2 <= time.monotonic() - started < 10
    assert api.get(f"kv/{name}").json()[0]["LockIndex"] == 2


def test_a_clean_release_has_no_lock_delay(api, name):
    holder, other = api.session(LockDelay="30s"), api.session()
    assert api.put(f"kv/{name}?acquire={holder}", "x").text == "true"
    assert api.put(f"kv/{name}?release={holder}", "x").text == "true"
    assert api.put(f"kv/{name}?acquire={other}", "y").text == "true"


def test_a_critical_check_ends_the_session(api, name):
    api.put("agent/service/register", {"Name": name, "Check": {"TTL": "60s", "Status": "passing"}})
    check = f"service:{name}"
    eventually(lambda: api.get(f"health/checks/{name}").json())
    session = api.session(Checks=["serfHealth", check], LockDelay="0s")
    api.put(f"kv/{name}?acquire={session}", "x")
    blocked = Blocked(api, f"kv/{name}", api.index(f"kv/{name}"))
    api.put(f"agent/check/fail/{check}")
    assert "Session" not in blocked.wakes().json()[0]
    assert api.get(f"session/info/{session}").json() == []
    api.put(f"agent/service/deregister/{name}")


def test_a_node_that_goes_takes_its_sessions(api, name):
    check = {"CheckID": "c", "Name": "c", "Status": "passing"}
    assert api.put("catalog/register", {"Node": name, "Address": "10.9.9.9", "Check": check}).status_code == 200
    session = api.session(Node=name, NodeChecks=["c"], LockDelay="0s", Behavior="delete")
    assert api.put(f"kv/{name}?acquire={session}", "x").text == "true"
    api.put("catalog/deregister", {"Node": name})
    eventually(lambda: api.get(f"kv/{name}").status_code == 404)
    assert api.get(f"session/info/{session}").json() == []


# Transactions

def test_a_txn_is_all_or_nothing_under_contention(api, name):
    for key in "ab":
        api.put(f"kv/{name}/{key}", "0")
    won, failures = [], []

    def work():
        try:
            for _ in range(20):
                entries = api.get(f"kv/{name}/?recurse").json()
                assert len(entries) == 2
                value = base64.b64encode(str(int(base64.b64decode(entries[0]["Value"])) + 1).encode()).decode()
                reply = api.put("txn", [{"KV": {"Verb": "cas", "Key": e["Key"], "Value": value, "Index": e["ModifyIndex"]}}
                                        for e in entries])
                assert reply.status_code in (200, 409)
                won.append(reply.status_code == 200)
        except Exception as error:
            failures.append(error)
    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not failures and len(won) == 80
    assert [api.get(f"kv/{name}/{key}?raw").text for key in "ab"] == [str(sum(won))] * 2


def test_a_counter_by_cas_loses_no_step(api, name):
    api.put(f"kv/{name}", "0")

    def count():
        for _ in range(15):
            while True:
                entry = api.get(f"kv/{name}").json()[0]
                value = int(base64.b64decode(entry["Value"])) + 1
                if api.put(f"kv/{name}?cas={entry['ModifyIndex']}", str(value)).text == "true":
                    break
    threads = [threading.Thread(target=count, daemon=True) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert api.get(f"kv/{name}?raw").text == "60"


# Agent, status

def test_the_agent_describes_itself(api):
    me = api.get("agent/self").json()
    assert {"Config", "Member"} <= set(me)
    assert me["Config"]["Datacenter"] == "dc1" and me["Config"]["NodeName"] == "n1" and me["Config"]["Server"] is True
    assert me["Config"]["Version"].count(".") == 2
    assert me["Member"]["Status"] == 1 and me["Member"]["Name"] in ("n1", "n1.dc1")


def test_the_server_is_in_its_own_catalog(api):
    assert [n["Node"] for n in api.get("catalog/nodes").json() if n["Node"] == "n1"] == ["n1"]
    assert "consul" in api.get("catalog/services").json()
    consul = api.get("health/service/consul?passing").json()
    assert [c["CheckID"] for c in consul[0]["Checks"]] == ["serfHealth"]
    assert index_of(api.get("catalog/nodes")) >= 2
    assert api.get("status/leader").json().count(":") == 1
