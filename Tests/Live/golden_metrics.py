"""Records the names of the real servers' metrics into Golden/metrics.json.

    CONSUL_EXTRA='"telemetry":{"prometheus_retention_time":"60s","disable_hostname":true}' \
        CONSUL_DNS_PORT=21553 peers start consul 1
    python3 Tests/Live/golden_metrics.py http://127.0.0.1:21500
    peers start zookeeper 1        # then again with 3
    python3 Tests/Live/golden_metrics.py 127.0.0.1:21181

A ZooKeeper server tells of the role that it has (what followers and leaders add to a server alone is
kept: ask that one first); Consul is made to do a little of everything before it is asked.
"""

import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from jute import Wire

GOLDEN = Path(__file__).parent / "Golden/metrics.json"
# Of single znodes and of single followers.
OF_ONE = re.compile(r"zk_\w+_(\w+_(read|write)_per_namespace|\d+_learner_handler\w+)")


def call(url: str, method: str = "GET", body: str | None = None) -> str:
    request = urllib.request.Request(url, body.encode() if body else None, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def use_consul(base: str) -> None:
    for question in (["consul.service.consul"], ["-x", "127.0.0.1"]):
        subprocess.run(["dig", "@127.0.0.1", "-p", "21553", *question], capture_output=True,
                       check=True)
    for method in ("PUT", "GET", "DELETE"):
        call(f"{base}/v1/kv/golden", method, "1" if method == "PUT" else None)
    call(f"{base}/v1/kv/?keys&consistent")
    session = json.loads(call(f"{base}/v1/session/create", "PUT", '{"TTL": "30s"}'))["ID"]
    for verb in ("renew", "destroy"):
        call(f"{base}/v1/session/{verb}/{session}", "PUT")
    call(f"{base}/v1/agent/service/register", "PUT", '{"Name": "example", "Port": 8000}')
    for path in ("catalog/service/example", "health/service/example", "status/leader",
                 "agent/self"):
        call(f"{base}/v1/{path}")
    call(f"{base}/v1/catalog/register", "PUT", '{"Node": "x", "Address": "127.0.0.1"}')
    call(f"{base}/v1/catalog/deregister", "PUT", '{"Node": "x"}')
    call(f"{base}/v1/txn", "PUT", '[{"KV": {"Verb": "set", "Key": "t", "Value": "dA=="}}]')


def consul(base: str) -> dict[str, object]:
    use_consul(base)
    text = call(f"{base}/v1/agent/metrics?format=prometheus")
    rows = [line.split() for line in text.splitlines() if line.startswith("# TYPE consul_")]
    time.sleep(11)
    body = json.loads(call(f"{base}/v1/agent/metrics"))
    shape = {kind: sorted(found[0]) if found else [] for kind, found in body.items()
             if kind != "Timestamp"}
    return {"consul": {row[2]: row[3] for row in rows if "dc1" not in row[2]}, "json": shape}


def zookeeper(address: str, known: dict[str, list[str]]) -> dict[str, list[str]]:
    wire = Wire(address)
    wire.send_raw(b"mntr")
    pairs = [line.split("\t") for line in wire.read_to_end(10).decode().splitlines()]
    names = [name for name, _ in pairs if not OF_ONE.fullmatch(name)]
    role = dict(pairs)["zk_server_state"]
    alone = [] if role == "standalone" else known["standalone"]
    return {**known, role: [name for name in names if name not in alone]}


def main() -> None:
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {"mntr": {}}
    for address in sys.argv[1:]:
        if address.startswith("http"):
            golden.update(consul(address))
        else:
            golden["mntr"] = zookeeper(address, golden["mntr"])
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
