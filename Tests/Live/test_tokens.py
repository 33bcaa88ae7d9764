"""ACL tokens over HTTP: what the real Consul answers, over restarts, nodes and snapshots, and from the command line."""

import json
import os
import subprocess
import uuid

import pytest
import requests

import servers
from golden_tokens import ANONYMOUS, Recorder, bootstrapped, js, record_requests, record_tokens
from servers import eventually
from test_golden import compare

GUARDED = ["--acl-enabled=true", "--acl-default-policy=deny"]


class GuardedRoost(servers.Roost):
    """One whose readiness cannot be seen without a token."""

    def serves(self):
        return servers.zookeeper_serves(self.zookeeper) and servers.http_get(f"{self.http}/v1/acl/tokens")[0] in (200, 403)


class GuardedConsul(servers.Consul):
    policy = "deny"

    def __init__(self, directory):
        super().__init__(directory)
        path = self.directory / "config.json"
        configuration = json.loads(path.read_text())
        path.write_text(json.dumps({**configuration, "acl": {"enabled": True, "default_policy": self.policy}}))

    def serves(self):
        return servers.http_get(f"{self.http}/v1/acl/tokens")[0] in (200, 403)


class AllowingConsul(GuardedConsul):
    policy = "allow"


@pytest.fixture
def guarded(request, tmp_path):
    """Starts a server with ACLs, of the kind that the tests are about: guarded(), guarded("allow")."""
    started = []

    def start(policy="deny", *arguments, directory=None):
        directory = directory or tmp_path / f"guarded{len(started)}"
        if request.config.getoption("--server") == "peers":
            server = (GuardedConsul if policy == "deny" else AllowingConsul)(directory)
        else:
            server = GuardedRoost(directory, arguments=["--acl-enabled=true", f"--acl-default-policy={policy}", *arguments])
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.discard()


def test_tokens_are_answered_as_recorded(guarded, request):
    compare(request, "tokens.json", record_tokens(guarded().http))


def test_who_may_not_is_told_so_as_recorded(guarded, request):
    compare(request, "tokens-denied.json", record_requests(guarded().http))


def test_a_default_of_allow_leaves_everything_to_everybody_but_tokens(guarded):
    recorder, _ = bootstrapped(guarded("allow").http)
    assert recorder.ask("nobody", "PUT", "/v1/kv/a", "x")[0] == 200
    assert recorder.ask("nobody", "GET", "/v1/kv/a?raw")[2] == "x"
    assert recorder.ask("nobody", "GET", "/v1/agent/self")[0] == 200
    assert recorder.ask("unknown", "GET", "/v1/kv/a")[0] == 403
    assert recorder.ask("nobody", "GET", "/v1/acl/tokens")[0] == 403
    assert recorder.ask("root", "GET", "/v1/acl/tokens")[0] == 200


@pytest.mark.roost_only
def test_what_is_roosts_own_needs_a_management_token(guarded):
    recorder, _ = bootstrapped(guarded("allow").http)
    recorder.record("root", "PUT", "/v1/acl/token", js({"Description": "plain"}))
    recorder.remember("plain")
    for method, path in [("GET", "/v1/roost/members"), ("PUT", "/v1/roost/leader/transfer?member=n1"),
                         ("PUT", "/v1/roost/members/remove?member=n1"), ("PUT", "/v1/roost/members/refill?member=n1")]:
        for who, text in [("nobody", "Permission denied"), ("plain", "Permission denied"), ("unknown", "ACL not found")]:
            assert recorder.ask(who, method, path)[::2] == (403, text), (who, path)
    assert recorder.ask("root", "GET", "/v1/roost/members")[0] == 200


@pytest.mark.roost_only
def test_without_acls_tokens_are_passed_over_and_their_calls_say_so(launch):
    recorder = Recorder(launch("http").http)
    assert recorder.ask("unknown", "PUT", "/v1/kv/a", "x")[0] == 200
    for method, path in [("GET", "/v1/acl/tokens"), ("PUT", "/v1/acl/bootstrap"), ("GET", "/v1/acl/token/self"), ("PUT", "/v1/acl/policy")]:
        assert recorder.ask("unknown", method, path)[::2] == (401, "ACL support disabled"), path


@pytest.mark.roost_only
def test_a_blocked_reader_is_told_of_nothing_that_it_may_not_see(guarded):
    recorder, _ = bootstrapped(guarded().http)
    recorder.ask("root", "PUT", "/v1/kv/a/x", "hush")
    status, headers, text = recorder.ask("nobody", "GET", "/v1/kv/a/?recurse")
    assert (status, text) == (404, "")
    recorder.ask("root", "PUT", "/v1/kv/a/x", "hush again")
    status, _, text = recorder.ask("nobody", "GET", f"/v1/kv/a/?recurse&index={headers['X-Consul-Index']}&wait=5s")
    assert (status, text) == (404, "")


@pytest.mark.roost_only
def test_a_token_given_at_the_start_manages_and_leaves_no_bootstrap(guarded, tmp_path):
    secret = str(uuid.uuid4())
    directory = tmp_path / "given"
    server = guarded("deny", f"--acl-initial-management-token={secret}", directory=directory)
    recorder = Recorder(server.http)
    recorder.said["root"] = secret
    eventually(lambda: recorder.ask("root", "GET", "/v1/acl/tokens")[0] == 200, what="the given token")
    listed = json.loads(recorder.ask("root", "GET", "/v1/acl/tokens")[2])
    assert {t["Description"] for t in listed} == {"Initial Management Token", "Anonymous Token"}
    assert recorder.ask("nobody", "PUT", "/v1/acl/bootstrap")[0] == 403
    server.stop()
    server.start()
    again = eventually(lambda: (a := recorder.ask("root", "GET", "/v1/acl/tokens"))[0] == 200 and a[2], what="the token after a restart")
    assert json.loads(again) == listed
    assert secret not in server.log()


@pytest.mark.roost_only
def test_who_has_the_files_can_bootstrap_once_more(guarded):
    server = guarded()
    recorder, _ = bootstrapped(server.http)
    refused = recorder.ask("nobody", "PUT", "/v1/acl/bootstrap")[2]
    index = refused.split("reset index: ")[1].rstrip(")")
    (server.data / "acl-bootstrap-reset").write_text("1\n")
    assert "Invalid bootstrap reset index 1" in recorder.ask("nobody", "PUT", "/v1/acl/bootstrap")[2]
    (server.data / "acl-bootstrap-reset").write_text(f"{index}\n")
    status, _, text = recorder.ask("nobody", "PUT", "/v1/acl/bootstrap")
    assert status == 200
    recorder.said["second"] = json.loads(text)["SecretID"]
    assert recorder.ask("second", "GET", "/v1/acl/tokens")[0] == 200
    assert recorder.ask("nobody", "PUT", "/v1/acl/bootstrap")[0] == 403


@pytest.mark.roost_only
def test_the_default_token_stands_in_and_anonymous_can_be_given_rights(guarded):
    secret = str(uuid.uuid4())
    server = guarded("deny", f"--acl-initial-management-token={secret}", f"--acl-default-token={secret}")
    recorder = Recorder(server.http)
    eventually(lambda: recorder.ask("nobody", "PUT", "/v1/kv/a", "x")[0] == 200, what="the default token")
    assert recorder.ask("unknown", "PUT", "/v1/kv/a", "x")[0] == 403
    server = guarded()
    recorder, _ = bootstrapped(server.http)
    assert recorder.ask("nobody", "PUT", "/v1/kv/a", "x")[0] == 403
    recorder.ask("root", "PUT", f"/v1/acl/token/{ANONYMOUS}", js({"Policies": [{"Name": "global-management"}]}))
    assert recorder.ask("nobody", "PUT", "/v1/kv/a", "x")[0] == 200


@pytest.mark.roost_only
def test_tokens_are_the_same_on_every_node(cluster):
    three = cluster(3, arguments=["--acl-enabled=true"])
    first = three.nodes[0]
    recorder, _ = bootstrapped(first.http)
    for node in three.nodes[1:]:
        other = Recorder(node.http)
        other.said = recorder.said
        assert other.ask("root", "GET", "/v1/acl/tokens")[0] == 200
        assert other.ask("nobody", "PUT", "/v1/acl/bootstrap")[0] == 403
    made = json.loads(recorder.ask("root", "PUT", "/v1/acl/token", js({"Description": "made"}))[2])
    other = Recorder(three.nodes[2].http)
    other.said = dict(recorder.said, made=made["SecretID"])
    assert json.loads(other.ask("made", "GET", "/v1/acl/token/self")[2])["AccessorID"] == made["AccessorID"]
    assert other.ask("root", "DELETE", f"/v1/acl/token/{made['AccessorID']}")[0] == 200
    assert recorder.ask("root", "GET", f"/v1/acl/token/{made['AccessorID']}")[0] == 403


def roost(server, *words, code=0, **environment):
    binary = os.environ.get("ROOST_BIN", str(servers.REPOSITORY / ".build/debug/roost"))
    done = subprocess.run([binary, *words], capture_output=True, text=True, check=False, timeout=60,
                          env=dict(os.environ, ROOST_HTTP_ADDR=server.http, **environment))
    assert done.returncode == code, (words, done)
    return done.stdout.strip() + done.stderr.strip()


@pytest.mark.roost_only
def test_the_command_line_shows_a_token_from_every_place(guarded, tmp_path):
    server = guarded()
    recorder, _ = bootstrapped(server.http)
    secret = recorder.said["root"]
    file = tmp_path / "token"
    file.write_text(f"{secret}\n")
    assert "Permission denied" in roost(server, "kv", "put", "a", "x", code=2)
    roost(server, "kv", "put", "a", "x", "--token", secret)
    assert roost(server, "kv", "get", "a", CONSUL_HTTP_TOKEN=secret) == "x"
    assert roost(server, "kv", "get", "a", "--token-file", str(file)) == "x"
    assert roost(server, "kv", "get", "a", CONSUL_HTTP_TOKEN_FILE=str(file)) == "x"
    assert "ACL not found" in roost(server, "kv", "get", "a", "--token", "other", code=2, CONSUL_HTTP_TOKEN=secret)
    assert "n1" in roost(server, "members", CONSUL_HTTP_TOKEN=secret)


@pytest.mark.roost_only
def test_the_command_line_makes_and_drops_tokens(guarded):
    server = guarded()
    eventually(lambda: servers.http_get(f"{server.http}/v1/status/leader")[1] not in (b'""', None), what="a leader")
    made = json.loads(roost(server, "acl", "bootstrap", "--json"))
    assert "no longer allowed" in roost(server, "acl", "bootstrap", code=2)
    root = {"CONSUL_HTTP_TOKEN": made["SecretID"]}
    token = json.loads(roost(server, "acl", "token", "create", "--description", "for ci", "--management", "--json", **root))
    assert token["Policies"][0]["Name"] == "global-management"
    assert "for ci" in roost(server, "acl", "token", "list", **root)
    assert token["SecretID"] not in roost(server, "acl", "token", "list", **root)
    assert token["SecretID"] in roost(server, "acl", "token", "read", token["AccessorID"], **root)
    roost(server, "acl", "token", "delete", token["AccessorID"], **root)
    assert "ACL not found" in roost(server, "kv", "get", "a", code=2, CONSUL_HTTP_TOKEN=token["SecretID"])


@pytest.mark.roost_only
def test_no_secret_is_in_a_log_a_dump_or_a_state(guarded):
    server = guarded()
    recorder, _ = bootstrapped(server.http)
    made = json.loads(recorder.ask("root", "PUT", "/v1/acl/token", js({"Description": "seen"}))[2])
    recorder.ask("root", "PUT", f"/v1/acl/token/{made['AccessorID']}", js({"SecretID": made["SecretID"], "Description": "seen again"}))
    server.stop()
    tool = servers.REPOSITORY / ".build/debug/roost-log"
    said = server.log()
    for verb in (["dump"], ["dump", "--json"], ["state"], ["state", "--json"], ["verify"]):
        done = subprocess.run([tool, *verb, "--data-dir", server.data], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done
        said += done.stdout + done.stderr
    assert made["AccessorID"] in said and "seen again" in said
    for secret in (made["SecretID"], recorder.said["root"]):
        assert secret not in said


@pytest.mark.roost_only
def test_a_history_names_the_token_of_each_change(guarded):
    server = guarded("allow")
    recorder, _ = bootstrapped(server.http)
    other = json.loads(recorder.ask("root", "PUT", "/v1/acl/token", js({"Description": "other"}))[2])
    url = f"{server.http}/v1/kv/app/mode"
    for number, secret in enumerate([recorder.said["root"], other["SecretID"], None]):
        headers = {"X-Consul-Token": secret} if secret else {}
        assert requests.put(url, data=str(number), headers=headers, timeout=10).text == "true"
    server.stop()
    tool = servers.REPOSITORY / ".build/debug/roost-log"
    words = ["--data-dir", server.data, "--json"]
    done = subprocess.run([tool, "history", "app/mode", *words], capture_output=True, text=True, check=True, timeout=60)
    accessors = [json.loads(line)["token"] for line in done.stdout.splitlines()]
    assert accessors == [recorder.said["root accessor"], other["AccessorID"], ANONYMOUS]
    done = subprocess.run([tool, "dump", "--token", other["AccessorID"], *words], capture_output=True, text=True, check=True, timeout=60)
    assert [json.loads(line)["keys"] for line in done.stdout.splitlines()] == [["app/mode"]]
