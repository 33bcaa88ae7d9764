"""zkCli, the Java client of ZooKeeper itself, as a person types to it."""

import re
import subprocess

import pytest

from test_zookeeper_raw import digest

JARS = "/usr/share/java/zookeeper.jar"


@pytest.fixture
def cli(zookeeper):
    """Runs lines in one zkCli, and answers what it printed."""
    def run(*lines):
        done = subprocess.run(
            ["java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", JARS,
             "org.apache.zookeeper.ZooKeeperMain", "-server", zookeeper.zookeeper],
            input="\n".join([*lines, "quit", ""]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=90)
        noise = ("SLF4J:", "WATCHER::", "WatchedEvent state:Closed", "WatchedEvent state:SyncConnected type:None",
                 "Connecting to", "Welcome to", "JLine")
        printed = [line for line in done.stdout.splitlines() if line.strip()]
        return [line for line in printed if not line.startswith(noise)]
    return run


def test_create_list_stat_get_set(cli, name):
    path = f"/{name}"
    out = cli(f"create {path} first", f"create -s -e {path}/s- x", f"create -c {path}/c", f"ls {path}",
              f"ls -R {path}", f"get {path}", f"set -s {path} second", f"stat {path}", f"get {path}/s-0000000000",
              f"sync {path}", f"getAllChildrenNumber {path}", f"getEphemerals {path}", f"delete {path}/none",
              f"create {path}", f"set -v 9 {path} x", f"deleteall {path}", f"stat {path}")
    text = "\n".join(out)
    assert out[:3] == [f"Created {path}", f"Created {path}/s-0000000000", f"Created {path}/c"]
    assert out[3] == "[c, s-0000000000]"
    assert out[4:7] == [path, f"{path}/c", f"{path}/s-0000000000"]
    assert out[7] == "first"
    stat = dict(line.split(" = ", 1) for line in out[8:19])
    assert list(stat) == ["cZxid", "ctime", "mZxid", "mtime", "pZxid", "cversion", "dataVersion", "aclVersion",
                          "ephemeralOwner", "dataLength", "numChildren"]
    assert (stat["dataVersion"], stat["dataLength"], stat["numChildren"], stat["cversion"]) == ("1", "6", "2", "2")
    assert out[19:30] == out[8:19]
    assert out[30] == "x"
    assert "Sync is OK" in text
    assert out[32] == "2"
    assert out[33] == f"[{path}/s-0000000000]"
    assert f"Node does not exist: {path}/none" in text
    assert f"Node already exists: {path}" in text
    assert f"version No is not valid : {path}" in text
    assert out[-1] == f"Node does not exist: {path}"


def test_an_ephemeral_of_zkcli_goes_with_it(cli, session, name):
    assert f"Created /{name}" in cli(f"create -e /{name} x")
    assert session().exists(f"/{name}") is None


def test_acls_and_logins(cli, name):
    path, who = f"/{name}", digest("bob", "secret")
    out = cli("addauth digest bob:secret", f"create {path} x", f"setAcl {path} digest:{who}:cdrwa", f"getAcl {path}",
              f"get {path}", "whoami")
    assert out[:4] == [f"Created {path}", f"'digest,'{who}", ": cdrwa", "x"]
    assert set(out[4:]) == {"Auth scheme: User", "ip: 127.0.0.1", "digest: bob"}
    assert f"Insufficient permission : {path}" in "\n".join(cli(f"get {path}"))


def test_watches_print_their_events(cli, name):
    path = f"/{name}"
    out = cli(f"create {path} x", f"addWatch -m PERSISTENT_RECURSIVE {path}", f"set {path} y", f"create {path}/a",
              f"removewatches {path}", f"set {path} z")
    kinds = [re.search(r"type:(\w+) path:(\S+)", line).groups() for line in out if line.startswith("WatchedEvent")]
    assert [k for k in kinds if k[0].startswith("Node")] == [("NodeDataChanged", path), ("NodeCreated", f"{path}/a")]


def events(out):
    found = [re.search(r"type:(Node\w+) path:(\S+)", line) for line in out if line.startswith("WatchedEvent")]
    return [match.groups() for match in found if match]


def test_watches_left_by_ls_get_and_stat(cli, name):
    path = f"/{name}"
    out = cli(f"create {path} x", f"get -s -w {path}", f"set {path} y", f"set {path} z", f"ls -s -w {path}",
              f"create {path}/a", f"create {path}/b", f"stat -w {path}", f"delete {path}/a", f"set -v 2 {path} w",
              f"get -w {path}", f"ls -w {path}", f"deleteall {path}")
    assert events(out) == [("NodeDataChanged", path), ("NodeChildrenChanged", path), ("NodeDataChanged", path),
                           ("NodeChildrenChanged", path), ("NodeDeleted", path)]


def test_versions_guard_sets_and_deletes(cli, name):
    path = f"/{name}"
    out = cli(f"create {path} x", f"set -v 0 {path} y", f"set -v 0 {path} z", f"delete -v 0 {path}", f"getAcl -s {path}",
              f"delete -v 1 {path}", f"ls {path}")
    text = "\n".join(out)
    assert text.count(f"version No is not valid : {path}") == 2
    assert "'world,'anyone" in out and ": cdrwa" in out and "dataVersion = 1" in out
    assert out[-1] == f"Node does not exist: {path}"


def test_persistent_watches_are_added_and_removed_by_kind(cli, name):
    path = f"/{name}"
    out = cli(f"create {path} x", f"addWatch -m PERSISTENT {path}", f"create {path}/a", f"set {path}/a y", f"set {path} y",
              f"delete {path}/a", f"removewatches -d {path}", f"removewatches {path}", f"set {path} z",
              f"removewatches {path}")
    assert events(out) == [("NodeChildrenChanged", path), ("NodeDataChanged", path), ("NodeChildrenChanged", path)]
    assert "KeeperErrorCode = No such watcher" in "\n".join(out)


def test_the_configuration_the_version_and_what_is_refused(cli, name):
    path = f"/{name}"
    out = cli("config", "version", f"create {path} x", f"create {path}/ x", "create /no/parent x",
              f"create -e {path}/e x", f"create {path}/e/child x", f"delete {path}", f"setAcl {path} nope:x:r",
              f"create -t 1000 {path}/ttl x", "addauth nope x")
    text = "\n".join(out)
    assert "ZooKeeper CLI version: 3." in text
    assert f"Ephemerals cannot have children: {path}/e/child" in text
    assert f"Node not empty: {path}" in text
    assert "Node does not exist: /no/parent" in text
    assert "Path must not end with / character" in text
    assert f"Acl is not valid : {path}" in text
    assert "WatchedEvent state:AuthFailed" in text
