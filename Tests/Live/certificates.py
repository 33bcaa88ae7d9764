"""An authority and what it signs: by `roost tls`, and by openssl what Roost would not make."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from servers import REPOSITORY


@dataclass(frozen=True)
class Paper:
    """A certificate and its key, each in a file."""

    certificate: Path
    key: Path

    def replace(self, other: "Paper") -> None:
        """Puts another one in its place, as a tool that renews certificates does."""
        for old, new in ((self.key, other.key), (self.certificate, other.certificate)):
            copy = old.with_suffix(".new")
            shutil.copy(new, copy)
            os.replace(copy, old)


class Authority:
    def __init__(self, directory: Path, datacenter: str = "dc1") -> None:
        self.directory, self.datacenter = directory, datacenter
        directory.mkdir(parents=True, exist_ok=True)
        self.root = self._make("create-ca")

    @property
    def certificate(self) -> Path:
        return self.root.certificate

    def _make(self, *words: str, out: Path | None = None) -> Paper:
        binary = os.environ.get("ROOST_BIN", str(REPOSITORY / ".build/debug/roost"))
        done = subprocess.run([binary, "tls", *words, "--json", "--out-dir", out or self.directory],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        return Paper(Path(made["certificate"]), Path(made["key"]))

    def issue(self, *words: str, folder: str = "") -> Paper:
        out = self.directory / folder
        out.mkdir(exist_ok=True)
        return self._make("create-cert", "--ca", str(self.root.certificate), "--ca-key",
                          str(self.root.key), "--datacenter", self.datacenter, *words, out=out)

    def node(self, name: str, folder: str = "") -> Paper:
        return self.issue("--node", name, folder=folder)

    def client(self, name: str) -> Paper:
        return self.issue("--client", name)

    def expired(self, name: str) -> Paper:
        """A node's, which ended yesterday."""
        role = f"server.{self.datacenter}.roost"
        return self.openssl(
            name, -1, f"subjectAltName=DNS:{name}.{role},DNS:{role},DNS:localhost,IP:127.0.0.1\n"
            "extendedKeyUsage=serverAuth,clientAuth\n")

    def openssl(self, name: str, days: int, extensions: str) -> Paper:
        stem = self.directory / f"openssl-{name}"
        paper = Paper(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        extra = stem.with_suffix(".ext")
        extra.write_text(extensions)
        run = dict(check=True, capture_output=True, timeout=30)
        request = stem.with_suffix(".csr")
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", paper.key, "-out",
                        request, "-subj", f"/CN={name}"], **run)
        subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", self.root.certificate,
                        "-CAkey", self.root.key, "-days", str(days), "-extfile", extra, "-out",
                        paper.certificate], **run)
        return paper


def arguments(paper: Paper, authority: Authority | None) -> list[str]:
    """What a server is told of its files."""
    words = [f"--tls-cert={paper.certificate}", f"--tls-key={paper.key}"]
    return words + ([f"--tls-ca={authority.certificate}"] if authority else [])
