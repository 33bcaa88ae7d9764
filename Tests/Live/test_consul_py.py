"""py-consul: the founding example, and each part of its API that Roost serves."""

import threading
import time

import consul as py_consul
import pytest
from consul import Check
from consul.exceptions import ClientError

from servers import eventually


@pytest.fixture
def client(consul):
    host, port = consul.http.removeprefix("http://").split(":")
    return py_consul.Consul(host=host, port=int(port))


def test_the_founding_example(client):
    assert client.agent.service.register("example", address="127.0.0.1", port=8000)
    found = eventually(lambda: client.catalog.service("example")[1])
    assert [(s["ServiceName"], s["ServiceAddress"], s["ServicePort"]) for s in found] == [("example", "127.0.0.1", 8000)]
    healthy = client.health.service("example", passing=True)[1]
    assert [(h["Service"]["Service"], h["Service"]["Port"]) for h in healthy] == [("example", 8000)]
    assert client.agent.services()["example"]["Address"] == "127.0.0.1"
    assert "example" in client.catalog.services()[1]
    assert client.agent.service.deregister("example")
    eventually(lambda: client.catalog.service("example")[1] == [])
    assert client.health.service("example")[1] == []
    assert "example" not in client.agent.services()


def test_kv(client, name):
    kv = client.kv
    assert kv.get(f"{name}/a") [1] is None
    assert kv.put(f"{name}/a", "one", flags=42)
    index, entry = kv.get(f"{name}/a")
    assert (entry["Value"], entry["Flags"], entry["Key"]) == (b"one", 42, f"{name}/a")
    assert entry["ModifyIndex"] == entry["CreateIndex"] == int(index)
    assert kv.put(f"{name}/a", "two", cas=entry["ModifyIndex"])
    assert not kv.put(f"{name}/a", "three", cas=entry["ModifyIndex"])
    assert not kv.put(f"{name}/a", "three", cas=0)
    assert kv.put(f"{name}/b/c", b"\x00\xff")
    assert kv.put(f"{name}/d", "")
    assert kv.get(f"{name}/", keys=True)[1] == [f"{name}/a", f"{name}/b/c", f"{name}/d"]
    assert kv.get(f"{name}/", keys=True, separator="/")[1] == [f"{name}/a", f"{name}/b/", f"{name}/d"]
    values = [e["Value"] for e in kv.get(f"{name}/", recurse=True)[1]]
    assert values == [b"two", b"\x00\xff", None]
    assert not kv.delete(f"{name}/a", cas=entry["ModifyIndex"])
    assert kv.delete(f"{name}/a")
    assert kv.delete(f"{name}/", recurse=True)
    assert kv.get(f"{name}/", recurse=True)[1] is None


def test_a_blocking_get_wakes_on_the_write(client, consul, name):
    client.kv.put(name, "one")
    index = client.kv.get(name)[0]
    got = []
    thread = threading.Thread(target=lambda: got.append(client.kv.get(name, index=index, wait="30s")), daemon=True)
    started = time.monotonic()
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    client.kv.put(name, "two")
    thread.join(10)
    assert time.monotonic() - started < 10
    assert got[0][1]["Value"] == b"two" and int(got[0][0]) > int(index)


def test_sessions_and_locks(client, name):
    first, second = client.session.create(name, lock_delay=0), client.session.create(name, lock_delay=0)
    index, info = client.session.info(first)
    assert (info["ID"], info["Name"], info["Node"], info["Behavior"]) == (first, name, "n1", "release")
    assert {first, second} <= {s["ID"] for s in client.session.list()[1]}
    assert {first, second} <= {s["ID"] for s in client.session.node("n1")[1]}
    assert client.kv.put(name, "mine", acquire=first)
    assert not client.kv.put(name, "theirs", acquire=second)
    entry = client.kv.get(name)[1]
    assert (entry["Session"], entry["LockIndex"], entry["Value"]) == (first, 1, b"mine")
    assert not client.kv.put(name, "x", release=second)
    assert client.kv.put(name, "free", release=first)
    assert "Session" not in client.kv.get(name)[1]
    assert client.kv.put(name, "theirs", acquire=second)
    assert client.session.destroy(second)
    assert "Session" not in client.kv.get(name)[1]
    assert client.session.info(second)[1] is None
    assert client.session.destroy(first)
    with pytest.raises(py_consul.NotFound):
        client.session.renew(first)


def test_a_session_of_behaviour_delete_takes_its_keys(client, name):
    session = client.session.create(behavior="delete", ttl=30, lock_delay=0)
    assert client.session.renew(session)["ID"] == session
    assert client.kv.put(name, "x", acquire=session)
    client.session.destroy(session)
    assert client.kv.get(name)[1] is None


def test_locks_hand_over_between_waiting_clients(consul, name):
    host, port = consul.http.removeprefix("http://").split(":")
    inside, worst, failures = [], [], []

    def work(number):
        client = py_consul.Consul(host=host, port=int(port))
        session = client.session.create(lock_delay=0)
        for _ in range(3):
            while not client.kv.put(name, str(number), acquire=session):
                index, entry = client.kv.get(name)
                if entry and "Session" in entry:
                    client.kv.get(name, index=index, wait="10s")
            inside.append(number)
            worst.append(len(inside))
            inside.remove(number)
            client.kv.put(name, str(number), release=session)

    def guarded(number):
        try:
            work(number)
        except Exception as error:
            failures.append(error)
    threads = [threading.Thread(target=guarded, args=(i,), daemon=True) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not failures and not any(t.is_alive() for t in threads), failures
    assert len(worst) == 12 and max(worst) == 1


def test_txn(client, name):
    set_two = [{"KV": {"Verb": "set", "Key": f"{name}/{k}", "Value": "YQ=="}} for k in "ab"]
    results = client.txn.put(set_two + [{"KV": {"Verb": "get", "Key": f"{name}/a"}}])
    assert [r["KV"]["Key"] for r in results["Results"]] == [f"{name}/a", f"{name}/b", f"{name}/a"]
    assert results["Results"][2]["KV"]["Value"] == "YQ==" and results["Errors"] is None
    with pytest.raises(ClientError):
        client.txn.put([{"KV": {"Verb": "delete", "Key": f"{name}/a"}},
                        {"KV": {"Verb": "check-index", "Key": f"{name}/b", "Index": 1}}])
    assert client.kv.get(f"{name}/a")[1]["Value"] == b"a"


def test_a_ttl_check_goes_through_its_states(client, name):
    client.agent.service.register(name, port=80, tags=["blue", "v1"], check=Check.ttl("60s"))
    check = f"service:{name}"
    assert client.agent.checks()[check]["Status"] == "critical"
    states = lambda: [c["Status"] for c in client.health.checks(name)[1]]
    eventually(lambda: states() == ["critical"])
    assert client.health.service(name, passing=True)[1] == []
    for call, status in (("ttl_pass", "passing"), ("ttl_warn", "warning"), ("ttl_fail", "critical")):
        assert getattr(client.agent.check, call)(check, "note")
        eventually(lambda: states() == [status])
        assert client.agent.checks()[check]["Output"] == "note"
    client.agent.check.ttl_pass(check)
    eventually(lambda: client.health.service(name, passing=True, tag="blue")[1])
    assert client.health.service(name, tag="green")[1] == []
    client.agent.service.deregister(name)
    eventually(lambda: client.health.service(name)[1] == [])


def test_a_ttl_check_that_hears_nothing_turns_critical(client, name):
    client.agent.service.register(name, port=80, check=Check.ttl("1s"))
    client.agent.check.ttl_pass(f"service:{name}")
    state = lambda: client.agent.checks()[f"service:{name}"]["Status"]
    assert state() == "passing"
    eventually(lambda: state() == "critical", 10)
    assert "TTL expired" in client.agent.checks()[f"service:{name}"]["Output"]
    client.agent.service.deregister(name)


def test_the_catalog_takes_foreign_nodes(client, name):
    service = {"Service": name, "ID": f"{name}-1", "Tags": ["x"], "Port": 5}
    assert client.catalog.register(name, "10.0.0.9", service=service)
    assert [n["Address"] for n in client.catalog.nodes()[1] if n["Node"] == name] == ["10.0.0.9"]
    assert client.catalog.node(name)[1]["Services"][f"{name}-1"]["Port"] == 5
    assert client.catalog.services()[1][name] == ["x"]
    assert client.catalog.datacenters() == ["dc1"]
    assert client.catalog.deregister(name, service_id=f"{name}-1")
    assert client.catalog.service(name)[1] == []
    assert client.catalog.deregister(name)
    assert name not in [n["Node"] for n in client.catalog.nodes()[1]]


def test_blocking_in_catalog_and_health(client, name):
    client.agent.service.register(f"{name}-first")
    for ask in (client.catalog.services, lambda **o: client.health.service(name, **o)):
        client.agent.service.register(f"{name}-first", port=1)
        index = eventually(lambda: ask()[0])
        got = []
        thread = threading.Thread(target=lambda: got.append(ask(index=index, wait="30s")), daemon=True)
        thread.start()
        client.agent.service.register(name, port=80)
        thread.join(10)
        assert got and name in str(got[0][1]) and int(got[0][0]) > int(index)
        client.agent.service.deregister(name)
        eventually(lambda: client.catalog.service(name)[1] == [])
    client.agent.service.deregister(f"{name}-first")


def test_every_consistency(client, name):
    client.kv.put(name, "x")
    for consistency in ("default", "consistent", "stale"):
        assert client.kv.get(name, consistency=consistency)[1]["Value"] == b"x"
        assert client.catalog.nodes(consistency=consistency)[1][0]["Node"] == "n1"


def test_checks_and_maintenance_of_the_agent(client, name):
    assert client.agent.check.register(name, check=Check.ttl("60s"), check_id=f"{name}-id", notes="a note")
    assert client.agent.checks()[f"{name}-id"]["Notes"] == "a note"
    assert client.agent.check.ttl_pass(f"{name}-id")
    eventually(lambda: f"{name}-id" in [c["CheckID"] for c in client.health.state("passing")[1]])
    assert client.agent.check.deregister(f"{name}-id")
    assert f"{name}-id" not in client.agent.checks()
    client.agent.service.register(name, port=80)
    assert client.agent.service.maintenance(name, "true", "work")
    eventually(lambda: [c["Status"] for c in client.health.checks(name)[1]] == ["critical"])
    assert client.agent.service.maintenance(name, "false")
    eventually(lambda: client.health.checks(name)[1] == [])
    assert client.agent.maintenance("true", "work") and client.agent.maintenance("false")
    assert client.agent.service.deregister(name)


def test_status_and_self(client):
    assert ":" in client.status.leader()
    assert client.status.peers() == [client.status.leader()]
    assert client.agent.self()["Config"]["NodeName"] == "n1"
    assert [m["Name"] for m in client.agent.members()] in (["n1"], ["n1.dc1"])
    assert [c["CheckID"] for c in client.health.node("n1")[1]] == ["serfHealth"]
    assert "serfHealth" in [c["CheckID"] for c in client.health.state("passing")[1]]
