"""What the README tells a newcomer to type, typed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from servers import REPOSITORY

pytestmark = pytest.mark.roost_only


def blocks(heading: str) -> list[str]:
    """The indented blocks of a section of README.md, in their order."""
    text = (REPOSITORY / "README.md").read_text()
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section, f"README.md has no section {heading!r}"
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", section[1], re.M)
    return [re.sub(r"^    ", "", block, flags=re.M) for block in found]


@pytest.fixture
def typed(tmp_path: Path):
    """Types a script where the usual ports are free: in a network of its own. What it started ends
    with it."""
    can = shutil.which("unshare") and not subprocess.run(["unshare", "-np", "true"]).returncode
    if os.geteuid() or not can:
        pytest.skip("needs root and namespaces of network and processes")
    binary = Path(os.environ.get("ROOST_BIN", REPOSITORY / ".build/debug/roost"))
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "roost").symlink_to(binary.resolve())

    def run(script: str) -> str:
        path = tmp_path / "typed"
        path.write_text(f"set -euo pipefail\nip link set lo up\n{script}")
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        done = subprocess.run(
            ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", path],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
        logs = "".join(f"{log}:\n{log.read_text()[-2000:]}" for log in tmp_path.glob("**/*.log"))
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
        return done.stdout

    return run


def test_a_name_is_looked_up_as_the_readme_says(typed):
    lookup = next(block for block in blocks("First steps") if block.startswith("dig "))
    server = "roost server --name n1 2>server.log &\nuntil roost status >/dev/null; do sleep 1; done\n"
    printed = typed(f"{server}{lookup}")
    assert "status: NOERROR" in printed and re.search(r"^consul\.service\.consul\.\s+0\s+IN\s+A\s+127\.0\.0\.1$", printed, re.M), printed


def test_three_nodes_are_started_as_the_readme_says(typed):
    start, use, lose = blocks("Three nodes")
    printed = typed(f"{start}\necho ==\n{use}\necho ==\n{lose}")
    _, before, after = printed.split("==\n")
    rows = [line.split() for line in before.splitlines()]
    names = sorted(row[1] for row in rows if row[:1] and row[0].isdigit())
    assert names == ["n1", "n2", "n3"], before
    assert before.endswith("fast") and after.endswith("fast"), printed
