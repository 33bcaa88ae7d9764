"""Real clusters under faults, each in network namespaces of its own, and the checks of what their
clients saw. Tools/faults starts this in fresh namespaces.

    Tools/faults --minutes 3 --nodes 5 --seed 7
    Tools/faults --seconds 60 --only kill,pause     these faults only
    Tools/faults --wrongs                           clusters made wrong on purpose must be found

Exit code: 0 all promises kept, 1 one was broken, 69 it could not run here.
"""

import argparse
import json
import os
import random
import shutil
import sys
import time
from pathlib import Path

from faults.plan import KINDS
from faults.run import PACE_SECONDS, Options, Run
from faults.wrong import WRONGS

HOME = Path(os.environ.get("FAULTS_HOME", "/var/tmp/roost-faults"))
WRONG_SECONDS = 6
REPORT = "report.json"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Tools/faults", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=0, help="how long faults come")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--nodes", type=int, choices=[3, 5], default=3)
    parser.add_argument("--seed", type=int, default=0, help="repeats a run's choices; 0: any")
    parser.add_argument("--only", default="", help=f"of {','.join(KINDS)}")
    parser.add_argument("--wrongs", action="store_true", help=f"all of {','.join(WRONGS)}")
    parser.add_argument("--wrong", choices=list(WRONGS), default="")
    parser.add_argument("--pace", type=float, default=PACE_SECONDS,
                        help="seconds between a client's turns")
    parser.add_argument("--argument", action="append", default=[], help="for roost server")
    parser.add_argument("--json", action="store_true", help="the report as one line, alone")
    parser.add_argument("--keep", action="store_true",
                        help="keep the histories, logs and data of a good run too")
    options = parser.parse_args()
    if unknown := [k for k in options.only.split(",") if k and k not in KINDS]:
        parser.error(f"no such faults: {unknown}")
    return options


def one_run(given: argparse.Namespace, seed: int, wrong: str) -> dict:
    directory = HOME / f"{given.nodes}-{seed}{'-' + wrong if wrong else ''}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    options = Options(
        binary=Path(os.environ["ROOST_BIN"]), directory=directory, nodes=given.nodes, seed=seed,
        seconds=WRONG_SECONDS if wrong else given.minutes * 60 + given.seconds or 60,
        pace_seconds=given.pace, only=[k for k in given.only.split(",") if k],
        arguments=given.argument, wrong=wrong, quiet=given.json, keep=given.keep)
    report = Run(options).go()
    report["kept"] = str(directory)
    (directory / REPORT).write_text(json.dumps(report, indent=2))
    found = WRONGS[wrong].finds(report["violations"]) if wrong else not report["violations"]
    if found and not given.keep:
        keep_report(directory)
    return report


def keep_report(directory: Path) -> None:
    """Nobody looks at the histories, logs and data of a run that went as it should."""
    for entry in directory.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != REPORT:
            entry.unlink()


def show(report: dict, given: argparse.Namespace, command: str) -> None:
    if given.json:
        print(json.dumps(report), flush=True)
        return
    for name, value in report.items():
        if name != "violations":
            print(f"{name:18} {value}")
    for violation in report["violations"]:
        print(f"BROKEN: {violation}")
    if report["violations"]:
        print(f"the histories, logs and data are in {report['kept']}; repeat it with:\n  {command}")


def repeat(given: argparse.Namespace, seed: int) -> str:
    words = [f"--nodes {given.nodes}", f"--seed {seed}"]
    words += [f"--minutes {given.minutes:g}"] if given.minutes else []
    words += [f"--seconds {given.seconds:g}"] if given.seconds else []
    words += [f"--only {given.only}"] if given.only else []
    words += [f"--pace {given.pace:g}"] if given.pace != PACE_SECONDS else []
    words += [f"--argument={a}" for a in given.argument]
    return f"Tools/faults {' '.join(words)}"


def run_wrongs(given: argparse.Namespace, seed: int) -> int:
    """Each must be found, or the checks are blind."""
    missed = 0
    chosen = f"--wrong {given.wrong}" if given.wrong else "--wrongs"
    print(f"seed {seed}; repeat: {repeat(given, seed)} {chosen}", flush=True)
    for wrong, cause in WRONGS.items():
        if given.wrong not in ("", wrong):
            continue
        began = time.monotonic()
        report = one_run(given, seed, wrong)
        found = cause.finds(report["violations"])
        missed += not found
        text = found or f"NOT FOUND; {report['violations'][:2]}"
        print(f"{wrong:18} {time.monotonic() - began:5.1f} s  {text.splitlines()[0][:160]}",
              flush=True)
    return 1 if missed else 0


def main() -> int:
    given = arguments()
    seed = given.seed or random.SystemRandom().randrange(1, 1 << 31)
    if given.wrongs or given.wrong:
        given.json = True
        return run_wrongs(given, seed)
    command = repeat(given, seed)
    if not given.json:
        print(f"seed {seed}; repeat: {command}", flush=True)
    report = one_run(given, seed, "")
    show(report, given, command)
    return 1 if report["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
