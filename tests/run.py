"""`make test`: the checks, then the whole suite on every set-up that this machine offers.

The embedded default always runs. MariaDB and Redis run beside it where `tests/servers.py`
finds or starts them; where it cannot, the last lines say what was not run.
With `--all-must-run`, a set-up or a test that did not run is a failure.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests import servers

ROOT = Path(__file__).resolve().parent.parent
ADDRESSES = ("DATABASE_URL", "BROKER_URL")
# Where there are two set-ups, what asks nothing of a database or a broker runs on one of them,
# and so do pages and the longest walks that are not about either.
ONCE = (
    ["--ignore=tests/engine", "--ignore=tests/walks/test_venues.py"],
    [
        "--ignore=tests/house",
        "--ignore=tests/golden",
        "--ignore=tests/apps/console",
        "--ignore=tests/workers/test_embedded_broker.py",
        "--ignore=tests/walks/test_documents.py",
        "--ignore=tests/walks/test_fuzz.py",
        "--ignore=tests/walks/test_node_bundle.py",
    ],
)


@dataclass
class Outcome:
    """What one run of the suite came to."""

    setup: str
    passed: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    exit_code: int = 0

    @property
    def is_good(self) -> bool:
        return self.exit_code == 0 and not self.failed


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make test", description=__doc__)
    parser.add_argument("--all-must-run", action="store_true")
    parser.add_argument("pytest", nargs="*", help="handed to pytest: paths, -k, -m …")
    options = parser.parse_args(arguments)

    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ironbull-test-")))
        plain = {name: value for name, value in os.environ.items() if name not in ADDRESSES}
        say("Checks")
        checks = subprocess.run(
            ["make", "check"],
            cwd=ROOT,
            env=plain | {"IRONBULL_VAR": str(scratch / "var"), "PYTHON": sys.executable},
        )
        setups = {"the embedded default": plain}
        try:
            offers = {
                "MariaDB": ("DATABASE_URL", servers.mariadb(stack, os.environ)),
                "Redis": ("BROKER_URL", servers.redis(stack, os.environ)),
            }
        except servers.Refused as refused:
            say(f"make test: FAILED: {refused}")
            return 1
        there = {
            name: (variable, offer) for name, (variable, offer) in offers.items() if offer.address
        }
        if there:
            for name, (_, offer) in there.items():
                say(f"{name}: {offer.reason}")
            addresses = {variable: offer.address for variable, offer in there.values()}
            setups[" + ".join(there)] = plain | addresses
        # All at once: each has a database, a broker and files of its own.
        runs = [
            Run(setup, environment, scratch, options.pytest or (ONCE[number] if there else []))
            for number, (setup, environment) in enumerate(setups.items())
        ]
        outcomes = [run.finish() for run in runs]
        missing = {name: offer.reason for name, (_, offer) in offers.items() if name not in there}
    return report(
        checks_passed=checks.returncode == 0,
        outcomes=outcomes,
        missing=missing,
        all_must_run=options.all_must_run,
    )


class Run:
    """The suite on one set-up; what it prints is shown when its turn comes."""

    def __init__(
        self, setup: str, environment: dict[str, str], scratch: Path, extra: list[str]
    ) -> None:
        self.setup = setup
        self.started = time.monotonic()
        name = setup.replace(" ", "-")
        self.results = scratch / f"{name}.xml"
        self.printed = scratch / f"{name}.txt"
        with self.printed.open("wb") as printed:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "pytest",
                    f"--junitxml={self.results}",
                    "--durations=25",
                    *extra,
                ],
                cwd=ROOT,
                env=environment,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )

    def finish(self) -> Outcome:
        say(f"The suite on {self.setup}")
        with self.printed.open("rb") as printed:
            while True:
                has_ended = self.process.poll() is not None
                sys.stdout.buffer.write(printed.read())
                sys.stdout.flush()
                if has_ended:
                    break
                time.sleep(1)
        outcome = Outcome(self.setup, exit_code=self.process.returncode)
        if self.results.exists():
            read_results(self.results, outcome)
        say(
            f"{self.setup}: {len(outcome.passed)} passed, {len(outcome.failed)} failed, "
            f"{len(outcome.skipped)} skipped in {time.monotonic() - self.started:.0f} s"
        )
        return outcome


def read_results(results: Path, outcome: Outcome) -> None:
    for case in ElementTree.parse(results).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed.append(name)
        elif skipped is not None:
            outcome.skipped[name] = skipped.get("message") or "no reason given"
        else:
            outcome.passed.add(name)


def report(
    *, checks_passed: bool, outcomes: list[Outcome], missing: dict[str, str], all_must_run: bool
) -> int:
    """Say what ran and what did not; the last line is the verdict."""
    ran = set().union(*(outcome.passed.union(outcome.failed) for outcome in outcomes))
    unrun = {
        name: reason
        for outcome in outcomes
        for name, reason in outcome.skipped.items()
        if name not in ran
    }
    for name, reason in missing.items():
        say(f"NOT RUN on {name}: {reason}")
    for name, reason in sorted(unrun.items()):
        say(f"NOT RUN: {name}: {reason}")

    faults = [] if checks_passed else ["make check"]
    faults += [f"the suite on {outcome.setup}" for outcome in outcomes if not outcome.is_good]
    if all_must_run and missing:
        faults.append(f"no run on {' or '.join(missing)}")
    if all_must_run and unrun:
        faults.append(f"{len(unrun)} tests that ran nowhere")
    if faults:
        say(f"make test: FAILED: {'; '.join(faults)}")
        return 1
    where = " and on ".join(outcome.setup for outcome in outcomes)
    left = [f"on {name}" for name in missing] + ([f"{len(unrun)} tests"] if unrun else [])
    rest = f"NOT RUN: {', '.join(left)} (see above)" if left else "every test has run"
    say(f"make test: passed on {where}: {len(ran)} tests; {rest}")
    return 0


def say(text: str) -> None:
    print(f"== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
