"""What every client asked, when, and what it was told; all times are of one monotonic clock."""

import json
import math
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

UNKNOWN = math.inf


@dataclass(slots=True)
class Operation:
    """`returned` is UNKNOWN where no answer tells whether it happened; `result` is then None."""

    key: str
    kind: str
    arguments: tuple
    called: float
    client: str = ""
    returned: float = UNKNOWN
    result: Any = None
    zxid: int = 0
    node: str = ""

    @property
    def known(self) -> bool:
        return self.returned != UNKNOWN

    def told(self, result: Any, zxid: int = 0) -> "Operation":
        self.returned, self.result, self.zxid = time.monotonic(), result, zxid
        return self


@dataclass
class History:
    """Shared by all clients."""

    operations: list[Operation] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, key: str, kind: str, *arguments: Any, client: str = "",
              node: str = "") -> Operation:
        operation = Operation(key, kind, arguments, time.monotonic(), client, node=node)
        with self.lock:
            self.operations.append(operation)
        return operation

    def violate(self, text: str) -> None:
        with self.lock:
            self.violations.append(f"at {time.monotonic():.3f}: {text}")

    def count(self, fact: str, by: int = 1) -> None:
        with self.lock:
            self.facts[fact] = self.facts.get(fact, 0) + by

    def by_key(self) -> dict[str, list[Operation]]:
        keys: dict[str, list[Operation]] = {}
        with self.lock:
            for operation in self.operations:
                keys.setdefault(operation.key, []).append(operation)
        return keys

    def save(self, path: Path) -> None:
        with open(path, "w") as file:
            for operation in self.operations:
                row = asdict(operation)
                row["returned"] = operation.returned if operation.known else None
                file.write(json.dumps(row, default=repr) + "\n")
