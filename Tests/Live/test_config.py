"""`roost config`: what a server would be told, before it is started."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from servers import REPOSITORY

pytestmark = pytest.mark.roost_only
BINARY = os.environ.get("ROOST_BIN", str(REPOSITORY / ".build/debug/roost"))


def config(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
    return subprocess.run([BINARY, "config", *words], env=clean | variables, capture_output=True,
                          text=True, timeout=60)


def sources(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["setting"]: (row["value"], row["source"]) for row in rows}


def test_check_says_what_holds_and_who_said_so(tmp_path: Path):
    file = tmp_path / "roost.json"
    file.write_text('{"httpPort": 3, "peerPort": 3, "datacenter": "east"}')
    done = config("check", "--json", "--changed", "--config", str(file), "--http-port", "1",
                  ROOST_PEER_PORT="2")
    assert sources(done) == {"httpPort": ("1", "flag"), "peerPort": ("2", "environment"),
                             "datacenter": ("east", str(file))}
    table = config("check", "--name", "n1").stdout.splitlines()
    assert table[0].split() == ["SETTING", "VALUE", "FROM"]
    assert ["name", "n1", "flag"] in [line.split() for line in table]


@pytest.mark.parametrize("text, named", [
    ('{"htttpPort": 1}', "htttpPort"), ('{"httpPort": 70000}', "-1 to 65535"),
    ('{"httpPort": "x"}', "http-port"), ("{", "cannot be read"), (None, "cannot be read"),
    ('{"cluster": "n1=h:1"}', "names this node"),
])
def test_what_is_wrong_is_named_and_has_its_exit_code(tmp_path: Path, text: str | None, named: str):
    file = tmp_path / "roost.json"
    if text is not None:
        file.write_text(text)
    for words in (["check"], ["show"]):
        done = config(*words, "--config", str(file))
        assert done.returncode == 4 and named in done.stderr, done
        assert done.stdout == ""
    server = subprocess.run([BINARY, "server", "--config", file], capture_output=True, text=True,
                            timeout=60)
    assert server.returncode == 4 and server.stderr == done.stderr, "the server says the same"


def test_what_show_prints_is_a_file_that_says_the_same(tmp_path: Path):
    file = tmp_path / "roost.json"
    flags = ["--name", "7", "--http-port", "77", "--log-format", "json"]
    shown = config("show", *flags, ROOST_TICK_MILLISECONDS="500")
    assert json.loads(shown.stdout) == {"name": "7", "httpPort": 77, "logFormat": "json",
                                        "tickMilliseconds": 500}
    file.write_text(shown.stdout)
    again = config("show", "--config", str(file), "--json")
    assert json.loads(again.stdout) == json.loads(shown.stdout)
    assert len(again.stdout.splitlines()) == 1


def test_the_reference_is_the_committed_page():
    page = REPOSITORY / "Sources/RoostServer/Docs.docc/Configuration.md"
    assert config("reference").stdout == page.read_text()


def test_check_reads_the_certificates(tmp_path: Path):
    for words in (["create-ca"], ["create-cert", "--node", "n1"], ["create-cert", "--client", "c"]):
        subprocess.run([BINARY, "tls", *words], cwd=tmp_path, check=True, capture_output=True)
    flags = ["--name", "n1", "--tls-ca", tmp_path / "roost-ca.pem", "--peer-tls", "require"]
    pairs = {"n1": (0, ""), "c": (4, "server.dc1.roost"), "mixed": (4, "mixed-key.pem"),
             "none": (4, "no such file")}
    (tmp_path / "mixed.pem").write_bytes((tmp_path / "c.pem").read_bytes())
    (tmp_path / "mixed-key.pem").write_bytes((tmp_path / "n1-key.pem").read_bytes())
    for pair, (code, named) in pairs.items():
        files = ["--tls-cert", tmp_path / f"{pair}.pem", "--tls-key", tmp_path / f"{pair}-key.pem"]
        done = config("check", *map(str, flags + files))
        assert done.returncode == code and named in done.stderr, (pair, done)
    (tmp_path / "n1-key.pem").chmod(0o644)
    files = ["--tls-cert", tmp_path / "n1.pem", "--tls-key", tmp_path / "n1-key.pem"]
    done = config("check", *map(str, flags + files))
    assert done.returncode == 0 and "warning" in done.stderr, done
