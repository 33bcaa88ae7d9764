"""Migrating.md's two programs as they are written, from the real servers where they are set up, and
else from another Roost."""

import re
import subprocess
import sys
from pathlib import Path

import requests
from kazoo.client import KazooClient
from kazoo.security import make_acl, make_digest_acl

from servers import REPOSITORY

TEXT = REPOSITORY / "Sources/RoostServer/Docs.docc/Migrating.md"


def run(number: int, directory: Path, *arguments: str) -> str:
    program = re.findall(r"^```python\n(.*?)^```$", TEXT.read_text(), re.DOTALL | re.MULTILINE)
    path = directory / "program.py"
    path.write_text(program[number])
    done = subprocess.run([sys.executable, path, *arguments], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_znodes_and_their_acls_move(launch, tmp_path):
    old, new = launch("zookeeper"), launch("zookeeper")
    client = KazooClient(hosts=old.zookeeper)
    client.start()
    acls = [make_acl("world", "anyone", read=True, write=True, admin=True, create=True),
            make_digest_acl("bob", "secret", all=True)]
    client.create("/app", b"", acl=acls)
    for number in range(200):
        client.create(f"/app/é{number}/x", bytes([number]) * number, makepath=True)
    client.create("/app/here", b"", ephemeral=True)
    assert run(0, tmp_path, old.zookeeper, new.zookeeper) == "402 znodes are equal\n"
    client.set("/app/é7/x", b"changed since")
    assert run(0, tmp_path, old.zookeeper, new.zookeeper) == "402 znodes are equal\n"
    client.stop()
    other = KazooClient(hosts=new.zookeeper)
    other.start()
    assert other.get("/app/é7/x")[0] == b"changed since"
    assert other.get("/app/é199/x")[0] == bytes([199]) * 199
    assert [a.id.scheme for a in other.get_acls("/app")[0]] == ["world", "digest"]
    assert other.exists("/app/here") is None
    other.stop()


def test_keys_and_their_flags_move(launch, tmp_path):
    old, new = launch("http"), launch("http")
    for number in range(100):
        url = f"{old.http}/v1/kv/app/a b%25{number}?flags={number << 40}"
        assert requests.put(url, data=bytes([number]) * number, timeout=10).text == "true"
    assert run(1, tmp_path, old.http, new.http) == "100 keys are equal\n"
    moved = requests.get(f"{new.http}/v1/kv/?recurse", timeout=10).json()
    kept = requests.get(f"{old.http}/v1/kv/?recurse", timeout=10).json()
    assert [(k["Key"], k["Flags"], k["Value"]) for k in moved] == [
        (k["Key"], k["Flags"], k["Value"]) for k in kept]
