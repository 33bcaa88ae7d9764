"""Snapshots of the whole state: saved under load, verified, restored, damaged, scheduled."""

import base64
import json
import os
import random
import re
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
import requests
from kazoo.client import KazooClient

from cluster import Cluster
from load import Load, consul_connection, put
from servers import PEERS_HOME, Roost, eventually, http_get

pytestmark = pytest.mark.roost_only

MEBIBYTE = 1 << 20
DAMAGED, FOREIGN = 5, 6


def roost(server, *words, code=0):
    """Roost's command line; what it printed."""
    done = subprocess.run([server.binary, *map(str, words)], capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def save(server, file, *words, code=0):
    return roost(server, "snapshot", "save", file, "--address", server.http, *words, code=code)


def restored(server, file, directory, name="n1"):
    """A server of a new cluster on what was saved."""
    data = directory / "data"
    roost(server, "snapshot", "restore", file, "--data-dir", data)
    return Roost(directory, data=data).start()


def everything(server):
    """All keys and znodes, with the numbers of their changes."""
    _, body = http_get(f"{server.http}/v1/kv/?recurse", 20)
    keys = {k["Key"]: (k["Value"], k["CreateIndex"], k["ModifyIndex"], k["Flags"]) for k in json.loads(body)}
    client = KazooClient(hosts=server.zookeeper)
    client.start()
    znodes, paths = {}, ["/"]
    while paths:
        path = paths.pop()
        data, stat = client.get(path)
        znodes[path] = (data, stat.czxid, stat.mzxid, stat.version, stat.ephemeralOwner)
        paths += [path.rstrip("/") + "/" + child for child in client.get_children(path)]
    client.stop()
    return keys, znodes


@pytest.fixture
def filled(launch):
    """A server with some of everything."""
    server = launch()
    client = KazooClient(hosts=server.zookeeper)
    client.start()
    client.create("/tree")
    for number in range(30):
        client.create(f"/tree/n{number}", b"x" * 100 * number)
    client.set("/tree/n3", b"changed")
    client.stop()
    connection = consul_connection(server.http)
    for number in range(200):
        assert put(connection, f"app/k{number}", os.urandom(1000)) == (200, b"true")
    requests.put(f"{server.http}/v1/session/create", json={"TTL": "60s"}, timeout=10)
    return server


def test_what_is_saved_is_what_comes_back(filled, tmp_path):
    file = tmp_path / "saved.snap"
    before = everything(filled)
    printed = json.loads(save(filled, file, "--json").stdout)
    assert printed["verdict"] == "saved" and printed["counts"]["Keys"] == 200
    assert printed["counts"]["Znodes"] == len(before[1])
    assert file.stat().st_mode & 0o077 == 0
    assert not (tmp_path / "saved.snap.unfinished").exists()
    inspected = json.loads(roost(filled, "snapshot", "inspect", file, "--json").stdout)
    assert inspected["index"] == printed["index"] and inspected["node"] == "n1"
    assert roost(filled, "snapshot", "verify", file).stdout.endswith(": whole\n")
    filled.kill()
    again = restored(filled, file, tmp_path / "again")
    try:
        assert everything(again) == before
        connection = consul_connection(again.http)
        assert put(connection, "app/k0", b"goes on") == (200, b"true")
        _, body = http_get(f"{again.http}/v1/kv/app/k0")
        assert json.loads(body)[0]["ModifyIndex"] > printed["index"]
        again.stop()
        again.start()
        assert http_get(f"{again.http}/v1/kv/app/k0?raw")[1] == b"goes on"
    finally:
        again.discard()


def test_a_directory_that_is_not_empty_is_left_alone(filled, tmp_path):
    file = tmp_path / "saved.snap"
    save(filled, file)
    said = roost(filled, "snapshot", "restore", file, "--data-dir", filled.data, code=4)
    assert "not empty" in said.stderr
    assert filled.alive() and everything(filled)


def test_an_interrupted_restore_is_named_and_no_server_begins_on_it(filled, tmp_path):
    file = tmp_path / "saved.snap"
    save(filled, file)
    place = tmp_path / "place"
    (place / "restoring").mkdir(parents=True)
    said = roost(filled, "snapshot", "restore", file, "--data-dir", place, code=4)
    assert "cut short" in said.stderr


def test_a_start_removes_what_was_left_unfinished(filled, tmp_path):
    """A restore that is killed at its very end leaves what it unpacked beside a whole directory."""
    file, data = tmp_path / "saved.snap", tmp_path / "again" / "data"
    save(filled, file)
    roost(filled, "snapshot", "restore", file, "--data-dir", data)
    left = [data / "restoring" / "data.mdb", data / "snapshots" / "copy.tmp", data / "snapshots" / "9-9.mdb"]
    left[0].parent.mkdir()
    for path in left:
        path.write_bytes(b"x")
    said = roost(filled, "snapshot", "restore", file, "--data-dir", data, code=4)
    assert "not empty" in said.stderr and "remove it" not in said.stderr
    server = Roost(tmp_path / "again", data=data).start()
    try:
        assert not any(path.exists() for path in [*left, data / "restoring"])
        assert len(everything(server)[0]) == 200
    finally:
        server.discard()


@pytest.mark.parametrize("members", [1, 3])
def test_a_snapshot_under_load_is_one_moment(members, launch, tmp_path):
    """Of two keys that one transaction writes together, the snapshot must have both or none."""
    cluster = Cluster(tmp_path, members).start() if members > 1 else None
    server = cluster.followers()[0] if cluster else launch()
    try:
        with Load(server, "load", os.urandom(512)) as load:
            connection = consul_connection(server.http)
            for number in range(150):
                value = base64.b64encode(f"{number}".encode()).decode()
                body = json.dumps([{"KV": {"Verb": "set", "Key": f"pair/{side}", "Value": value}}
                                   for side in ("left", "right")])
                connection.request("PUT", "/v1/txn", body=body)
                reply = connection.getresponse()
                assert reply.status == 200, reply.read()
                reply.read()
                if number == 100:
                    keys = len(load.keys)
                    saved = subprocess.Popen(
                        [server.binary, "snapshot", "save", str(tmp_path / "s.snap"), "--address", server.http,
                         "--json"], stdout=subprocess.PIPE, text=True)
            printed = json.loads(saved.communicate(timeout=60)[0])
            assert saved.returncode == 0
        acknowledged = list(load.keys)[:keys]
        again = restored(server, tmp_path / "s.snap", tmp_path / "again")
        try:
            left, right = (http_get(f"{again.http}/v1/kv/pair/{side}?raw")[1] for side in ("left", "right"))
            assert left == right and int(left) >= 100
            for key in acknowledged:
                status, body = http_get(f"{again.http}/v1/kv/{key}")
                assert status == 200, key
                assert json.loads(body)[0]["ModifyIndex"] <= printed["index"]
            assert acknowledged, "nothing was written before the snapshot"
        finally:
            again.discard()
    finally:
        if cluster:
            cluster.discard()


def test_without_a_majority_only_a_stale_snapshot_is_given(tmp_path):
    cluster = Cluster(tmp_path, 3).start()
    try:
        follower = cluster.followers()[0]
        assert put(consul_connection(follower.http), "last", b"word") == (200, b"true")
        for node in cluster.nodes:
            if node is not follower:
                node.kill()
        eventually(lambda: not follower.leader(), 20, "the follower knows no leader")
        said = save(follower, tmp_path / "s.snap", code=2)
        assert "leader" in said.stderr and not (tmp_path / "s.snap").exists()
        save(follower, tmp_path / "s.snap", "--stale")
        again = restored(follower, tmp_path / "s.snap", tmp_path / "again")
        try:
            assert http_get(f"{again.http}/v1/kv/last?raw") == (200, b"word")
        finally:
            again.discard()
    finally:
        cluster.discard()


def test_every_flipped_or_missing_byte_is_found(filled, tmp_path, request):
    seed = request.config.getoption("--seed") or random.SystemRandom().randrange(1 << 32)
    print(f"repeat with: Tests/Live/run test_backup.py -k flipped --seed {seed}")
    chance = random.Random(seed)
    file, bad = tmp_path / "saved.snap", tmp_path / "bad.snap"
    save(filled, file)
    whole = file.read_bytes()
    places = [0, 3, 9, 10, 20, 400, 700, len(whole) - 1, len(whole) - 9, len(whole) - 1200]
    for place in places + [chance.randrange(len(whole)) for _ in range(15)]:
        bytes_ = bytearray(whole)
        bytes_[place] ^= 1 << chance.randrange(8)
        bad.write_bytes(bytes_)
        done = subprocess.run([filled.binary, "snapshot", "verify", bad], capture_output=True, text=True, check=False)
        assert done.returncode in (DAMAGED, FOREIGN), (place, done)
        assert str(bad) in done.stderr
    for count in [0, 1, 9, 600, len(whole) - 1] + [chance.randrange(len(whole)) for _ in range(6)]:
        bad.write_bytes(whole[:count])
        done = roost(filled, "snapshot", "verify", bad, code=DAMAGED)
        assert "cut off" in done.stderr, (count, done.stderr)
    bad.write_bytes(whole + b"x")
    roost(filled, "snapshot", "verify", bad, code=DAMAGED)
    bad.write_bytes(whole[:-5000])
    roost(filled, "snapshot", "restore", bad, "--data-dir", tmp_path / "new", code=DAMAGED)
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob("roost-verify-*"))


def test_what_is_no_snapshot_of_roost_is_told_so(filled, tmp_path):
    for name, content in [("text", b"hello, this is no snapshot" * 100), ("zeros", bytes(4096))]:
        (tmp_path / name).write_bytes(content)
        assert "no snapshot of Roost" in roost(filled, "snapshot", "verify", tmp_path / name, code=FOREIGN).stderr
    with tarfile.open(tmp_path / "tar.tgz", "w:gz") as archive:
        archive.add(tmp_path / "text", "state.bin")
    said = roost(filled, "snapshot", "inspect", tmp_path / "tar.tgz", code=FOREIGN).stderr
    assert "compressed" in said
    roost(filled, "snapshot", "verify", tmp_path / "absent", code=4)


def test_the_file_is_an_archive_as_consul_writes_one(filled, tmp_path):
    file = tmp_path / "saved.snap"
    reply = requests.get(f"{filled.http}/v1/snapshot", timeout=30)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "application/x-gzip"
    assert reply.headers["X-Consul-Knownleader"] == "true"
    file.write_bytes(reply.content)
    with tarfile.open(file) as archive:
        assert archive.getnames() == ["meta.json", "state.bin", "SHA256SUMS"]
        meta = json.load(archive.extractfile("meta.json"))
        archive.extractall(tmp_path / "out", filter="data")
    assert meta["Version"] == 1 and str(meta["Index"]) == reply.headers["X-Consul-Index"]
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=tmp_path / "out", check=True)
    subprocess.run(["gzip", "-t", "-S", ".snap", file], check=True)


def test_consuls_own_command_line_saves_and_inspects(filled, tmp_path):
    consul = PEERS_HOME / "consul/usr/bin/consul"
    if not consul.exists():
        pytest.skip(f"no consul at {consul} (peers setup)")
    file = tmp_path / "saved.snap"
    environment = dict(os.environ, CONSUL_HTTP_ADDR=filled.http)

    def run(*words):
        return subprocess.run([consul, "snapshot", *words], capture_output=True, text=True, timeout=60,
                              env=environment, check=False)
    done = run("save", str(file))
    assert done.returncode == 0 and "Saved and verified snapshot to index" in done.stdout, done
    done = run("inspect", str(file))
    assert done.returncode == 0 and re.search(r"^Index +\d+$", done.stdout, re.M), done
    assert roost(filled, "snapshot", "verify", file)
    done = run("restore", str(file))
    assert done.returncode == 1 and "roost snapshot restore" in done.stderr, done


def test_a_restore_over_http_is_refused_in_words_whatever_its_size(filled):
    for size in (10, 8 * MEBIBYTE):
        reply = requests.put(f"{filled.http}/v1/snapshot", data=bytes(size), timeout=30)
        assert reply.status_code == 501 and "roost snapshot restore" in reply.text


def test_a_client_that_goes_away_or_stalls_leaves_nothing(filled):
    files = len(os.listdir(f"/proc/{filled.process.pid}/fd"))
    connection = consul_connection(filled.http)
    for number in range(40):
        assert put(connection, f"big/{number}", os.urandom(500_000))[0] == 200
    for _ in range(4):
        reply = requests.get(f"{filled.http}/v1/snapshot", stream=True, timeout=30)
        assert reply.status_code == 200
        assert next(reply.iter_content(1000))
        reply.close()
        eventually(lambda: requests.get(f"{filled.http}/v1/snapshot", timeout=30).status_code == 200, 20)
    held = [requests.get(f"{filled.http}/v1/snapshot", stream=True, timeout=30) for _ in range(2)]
    refused = requests.get(f"{filled.http}/v1/snapshot", timeout=30)
    assert refused.status_code == 429 and "try again" in refused.text
    for reply in held:
        reply.close()
    connection.close()
    eventually(lambda: len(os.listdir(f"/proc/{filled.process.pid}/fd")) <= files + 1, 20, "descriptors return")
    assert not list((filled.data / "snapshots").glob("*.tmp"))


@pytest.fixture
def small_disk(memory_disk):
    return memory_disk(8)


def test_a_full_disk_in_the_middle_of_a_save_leaves_no_half_file(filled, small_disk):
    connection = consul_connection(filled.http)
    for number in range(40):
        assert put(connection, f"big/{number}", os.urandom(500_000))[0] == 200
    (small_disk / "old.snap").write_bytes(b"of yesterday")
    said = save(filled, small_disk / "old.snap", code=4)
    assert "No space left" in said.stderr
    assert sorted(p.name for p in small_disk.iterdir()) == ["old.snap"]
    assert (small_disk / "old.snap").read_bytes() == b"of yesterday"
    assert put(connection, "after", b"well") == (200, b"true")


def test_a_new_cluster_for_which_there_is_no_room_leaves_nothing(filled, small_disk):
    connection = consul_connection(filled.http)
    for number in range(40):
        assert put(connection, f"big/{number}", os.urandom(500_000))[0] == 200
    filled.kill()
    tool = Path(filled.binary).with_name("roost-log")
    for verb in (["recover", "--yes", "--into"], ["state", "--write-directory"]):
        done = subprocess.run([tool, *verb, small_disk / "new", f"--data-dir={filled.data}"], capture_output=True,
                              text=True, timeout=60, check=False)
        assert done.returncode == 1 and "No space left" in done.stderr, done
        assert not list(small_disk.iterdir())


def metrics(server):
    _, body = http_get(f"{server.http}/v1/agent/metrics?format=prometheus", 10)
    found = re.findall(r"^(roost_backup_\w+) (\S+)$", body.decode(), re.M)
    return {name: float(value) for name, value in found}


def test_backups_are_written_on_time_kept_in_number_and_told_of(tmp_path):
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "n1-20200101T000000Z-5.snap").write_bytes(b"old")
    (shelf / "n2-20200101T000000Z-5.snap").write_bytes(b"another node's")
    (shelf / ".n1-unfinished").write_bytes(b"half")
    arguments = [f"--backup-directory={shelf}", "--backup-interval-seconds=1", "--backup-keep=3"]
    server = Roost(tmp_path / "server", arguments=arguments)
    try:
        server.start()
        assert put(consul_connection(server.http), "a", b"b") == (200, b"true")

        def kept():
            return sorted(p.name for p in shelf.glob("n1-*.snap"))
        eventually(lambda: metrics(server).get("roost_backup_written_total", 0) >= 5, 40, "five backups")
        names = kept()
        assert len(names) in (3, 4) and all(name.startswith("n1-2") for name in names)
        assert "n1-20200101T000000Z-5.snap" not in names
        assert (shelf / "n2-20200101T000000Z-5.snap").read_bytes() == b"another node's"
        assert metrics(server)["roost_backup_failed_total"] == 0
        assert abs(metrics(server)["roost_backup_last_timestamp_seconds"] - time.time()) < 60
        newest = shelf / kept()[-1]
        roost(server, "snapshot", "verify", newest)
        server.kill()
        again = restored(server, newest, tmp_path / "again")
        try:
            assert http_get(f"{again.http}/v1/kv/a?raw") == (200, b"b")
        finally:
            again.discard()
    finally:
        server.discard()


def test_a_restart_does_not_begin_the_interval_anew(tmp_path):
    shelf = tmp_path / "shelf"
    server = Roost(tmp_path / "server", arguments=[f"--backup-directory={shelf}"])
    try:
        server.start()
        eventually(lambda: shelf.exists() and list(shelf.glob("n1-*.snap")), 20, "the first backup")
        first = sorted(shelf.iterdir())
        server.stop()
        server.start()
        assert put(consul_connection(server.http), "a", b"b") == (200, b"true")
        time.sleep(1)
        assert sorted(shelf.iterdir()) == first
    finally:
        server.discard()


def test_backups_that_fail_are_counted_and_the_server_serves_on(small_disk, tmp_path):
    (small_disk / "ballast").write_bytes(bytes(8 * MEBIBYTE - 65536))
    shelf = small_disk / "shelf"
    server = Roost(tmp_path / "server", arguments=[f"--backup-directory={shelf}", "--backup-interval-seconds=1"])
    try:
        server.start()
        connection = consul_connection(server.http)
        assert put(connection, "a", os.urandom(200_000)) == (200, b"true")
        eventually(lambda: metrics(server).get("roost_backup_failed_total", 0) >= 2, 30, "two failures")
        assert server.log().count("a backup could not be written") == 1
        assert not list(shelf.glob(".*")), "half a backup stays on a full disk"
        written = metrics(server)["roost_backup_written_total"]
        (small_disk / "ballast").unlink()
        eventually(lambda: metrics(server)["roost_backup_written_total"] > written, 30, "a backup with room")
        assert put(connection, "b", b"c") == (200, b"true")
    finally:
        server.discard()


def test_a_data_directory_is_as_it_was_after_saves(filled, tmp_path):
    """What a crash in the middle of a copy leaves goes at the next start."""
    left = filled.data / "snapshots" / "export-0.tmp"
    filled.kill()
    left.write_bytes(b"half a copy")
    filled.start()
    assert not left.exists()
    assert Path(filled.data / "wal").exists()
    save(filled, tmp_path / "s.snap")


@pytest.mark.parametrize("left", ["restoring", "snapshots/7-1.mdb"])
def test_a_server_does_not_begin_where_a_restore_was_cut_short(launch, tmp_path, left):
    """It would serve an empty state, or with its old --cluster lead alone."""
    server = Roost(tmp_path / "n1")
    place = server.data / left
    place.parent.mkdir(parents=True)
    place.mkdir() if left == "restoring" else place.write_bytes(b"")
    done = subprocess.run(server.command(), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert "restore again, or join anew, with an empty directory" in done.stderr
    assert not (server.data / "wal").exists()
