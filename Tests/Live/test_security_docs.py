"""Security.md's five minutes, typed as they are written, in a network of its own."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from servers import PEERS_HOME, REPOSITORY, die_with_parent

pytestmark = pytest.mark.roost_only
TEXT = REPOSITORY / "Sources/RoostServer/Docs.docc/Security.md"
CONSUL = PEERS_HOME / "consul/usr/bin/consul"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT.read_text(), re.DOTALL | re.MULTILINE)


def for_node(command: str, number: int) -> str:
    """The same for another node, but for the list of all of them."""
    words = [w if w.startswith("n1=") else w.replace("10.0.0.1", f"10.0.0.{number}")
             for w in shlex.split(command.replace("\\\n", " "))]
    return shlex.join([re.sub(r"^n1(?=$|\.|-)", f"n{number}", w) for w in words])


def test_the_five_minutes_of_the_document(tmp_path):
    make, serve, ask = blocks("")[:3]
    program = blocks("python")[0]
    assert "create-ca" in make and "--peer-tls require" in serve and "roost members" in ask
    binary = os.environ.get("ROOST_BIN", str(REPOSITORY / ".build/debug/roost"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/roost").symlink_to(binary)
    if CONSUL.exists():
        (tmp_path / "bin/consul").symlink_to(CONSUL)
    else:
        ask = "\n".join(line for line in ask.splitlines() if " consul " not in line)
    (tmp_path / "hosts").write_text(
        "127.0.0.1 localhost\n" + "".join(f"10.0.0.{n} n{n}.example.com\n" for n in (1, 2, 3)))
    (tmp_path / "ask.py").write_text(program + "\nclient.start(20)\nclient.create('/asked')\n"
                                     "print('znode', client.exists('/asked') is not None)\n"
                                     "client.stop()\n")
    node = next(line for line in make.splitlines() if "--node n1" in line)
    lines = ["set -e", "ip link set lo up",
             *(f"ip addr add 10.0.0.{n}/32 dev lo" for n in (1, 2, 3)),
             "mount --bind hosts /etc/hosts", make, *(for_node(node, n) for n in (2, 3)),
             *(f"{for_node(serve, n)} --data-dir n{n} 2>n{n}.log &" for n in (1, 2, 3)),
             "export CONSUL_CACERT=roost-ca.pem CONSUL_HTTP_ADDR=https://n1.example.com:8501",
             "until roost kv put app/mode fast 2>/dev/null; do sleep 0.2; done",
             "unset CONSUL_CACERT CONSUL_HTTP_ADDR", "set -x", ask,
             f"{shlex.quote(sys.executable)} ask.py", "kill $(jobs -p)", "wait"]
    done = subprocess.run(
        ["unshare", "-m", "-n", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c",
         "\n".join(lines)],
        cwd=tmp_path, capture_output=True, text=True, timeout=90, preexec_fn=die_with_parent,
        env={**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "no_proxy": "*"})
    said = done.stdout + done.stderr + "".join(
        path.read_text() for path in sorted(Path(tmp_path).glob("n?.log")))
    assert done.returncode == 0, said
    for name in ("n1", "n2", "n3"):
        assert re.search(rf"^\d +{name} +10\.0\.0\.", done.stdout, re.MULTILINE), said
    assert done.stdout.count('"10.0.0.') == 1 and "znode True" in done.stdout, said
    assert done.stdout.count("fast\n") == (1 if CONSUL.exists() else 0), said
