"""A data directory with some of everything, for a later version to start on.

Run by hand with the binary of the version to record:

    ROOST_BIN=/path/to/old/roost .build-live/venv/bin/python Tests/Live/recorded.py NAME

writes Recorded/NAME.tar.xz: `data`, as a server that was stopped has left it, and `expected.json`,
what it had answered before. Log, snapshots and state hold entries of every common kind.
"""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import requests
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from servers import Roost

FOLDER = Path(__file__).parent / "Recorded"
OVERWRITES = 2200  # of 1,000 bytes: enough log for a snapshot at the least size that may be set
ARGUMENTS = ["--snapshot-log-megabytes=1"]


def write_znodes(client):
    client.create("/app", b"root of the tree")
    for number in range(20):
        client.create(f"/app/n{number}", bytes([number]) * number * 10)
    client.set("/app/n3", b"changed")
    client.delete("/app/n4")
    client.create("/app/seq-", b"", sequence=True)
    client.create("/app/seq-", b"", sequence=True)
    client.create("/app/owned", b"secret", acl=[make_digest_acl("user", "word", all=True)])
    transaction = client.transaction()
    transaction.create("/app/both", b"1")
    transaction.set_data("/app/n5", b"2")
    transaction.delete("/app/n6")
    assert all(not isinstance(r, Exception) for r in transaction.commit())
    client.create("/app/" + "long" * 200, b"a path longer than LMDB's keys")


def put(base, path, value=None, **parameters):
    reply = requests.put(f"{base}{path}", params=parameters, timeout=10,
                         **({"json": value} if isinstance(value, (dict, list)) else {"data": value}))
    assert reply.status_code == 200, reply.text
    return reply


def write_consul(base):
    for number in range(30):
        put(base, f"/v1/kv/cfg/k{number}", b"v" * number, flags=number)
    put(base, "/v1/kv/cfg/k1", b"again")
    requests.delete(f"{base}/v1/kv/cfg/k2", timeout=10)
    put(base, "/v1/kv/" + "deep/" * 120, b"a key longer than LMDB's")
    put(base, "/v1/txn", [{"KV": {"Verb": "set", "Key": f"txn/{side}", "Value": base64.b64encode(b"x").decode()}}
                          for side in "ab"])
    session = put(base, "/v1/session/create", {"Name": "lasting", "LockDelay": "0s"}).json()["ID"]
    put(base, "/v1/kv/lock", b"held", acquire=session)
    put(base, "/v1/catalog/register", {
        "Node": "other", "Address": "10.0.0.9", "Service": {"Service": "web", "Port": 80, "Tags": ["a", "b"]},
        "Check": {"CheckID": "alive", "Name": "alive", "Status": "passing"}})
    put(base, "/v1/agent/service/register", {"Name": "db", "Port": 5432, "Meta": {"a": "b"}})


def observe(server):
    """What clients can see that a restart must not change."""
    base = server.http
    seen = {path: requests.get(f"{base}{path}", timeout=10).json() for path in (
        "/v1/kv/?recurse", "/v1/session/list", "/v1/catalog/node/other", "/v1/health/service/web",
        "/v1/catalog/service/db")}
    client = KazooClient(hosts=server.zookeeper)
    client.start()
    client.add_auth("digest", "user:word")
    znodes, paths = {}, ["/app"]
    while paths:
        path = paths.pop()
        data, stat = client.get(path)
        acls, _ = client.get_acls(path)
        znodes[path] = [data.hex(), list(stat), [[a.perms, a.id.scheme, a.id.id] for a in acls]]
        paths += sorted(f"{path}/{child}" for child in client.get_children(path))
    client.stop()
    return json.loads(json.dumps({**seen, "znodes": znodes}))


def record(name):
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        server = Roost(place / "server", data=place / "data", arguments=ARGUMENTS)
        server.start()
        client = KazooClient(hosts=server.zookeeper)
        client.start()
        write_znodes(client)
        write_consul(server.http)
        for number in range(OVERWRITES):
            client.set("/app/n0", b"%04d" % number + b"." * 1000)
        client.delete("/app/n7")
        put(server.http, "/v1/kv/cfg/k3", b"after the snapshot")
        client.stop()
        expected = observe(server)
        assert list((place / "data/snapshots").glob("*.manifest")), "no snapshot was taken"
        assert server.stop() == 0
        (place / "expected.json").write_text(json.dumps(expected))
        FOLDER.mkdir(exist_ok=True)
        target = FOLDER / f"{name}.tar.xz"
        subprocess.run(["tar", "-C", place, "--sparse", "--owner=0", "--group=0", "-cJf", target,
                        "--exclude=LOCK", "--exclude=lock.mdb", "data", "expected.json"], check=True)
        print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    record(sys.argv[1])
