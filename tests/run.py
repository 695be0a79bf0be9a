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
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests import servers

ROOT = Path(__file__).resolve().parent.parent
ADDRESSES = {"MariaDB": "DATABASE_URL", "Redis": "BROKER_URL"}
EMBEDDED = "the embedded default"
WALKS = "tests/walks"
# What starts processes mostly waits: with so many jobs beside each other two processors are busy.
AT_ONCE = 4
# What asks nothing of a database; it is about both brokers, and brings the embedded one.
WORKERS = ["tests/workers"]
PURE = ["tests/engine", "tests/golden", "tests/house"]
# Where there are two set-ups, pages and the longest walks that are not about either run on one.
LEFT_TO_SERVERS = [
    f"--ignore={WALKS}/test_{name}.py"
    for name in ("alerts", "canary", "demo_traders", "making", "traders", "venues")
]
LEFT_TO_EMBEDDED = [
    *("-m", "not browser"),
    "--ignore=tests/apps/console",
    "--ignore=tests/apps/test_admin.py",
    f"--ignore={WALKS}/test_documents.py",
    f"--ignore={WALKS}/test_fuzz.py",
    f"--ignore={WALKS}/test_node_bundle.py",
]
# Why a test of recorded data that is not ours to keep may run nowhere.
ELSEWHERE = "is not beside the repository"


@dataclass
class Outcome:
    """What the suite came to on one set-up."""

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
        try:
            offers = {
                "MariaDB": servers.mariadb(stack, os.environ),
                "Redis": servers.redis(stack, os.environ),
            }
        except servers.Refused as refused:
            say(f"make test: FAILED: {refused}")
            return 1
        checks = Job(
            "Checks",
            ["make", "check"],
            plain() | {"IRONBULL_VAR": str(scratch / "var"), "PYTHON": sys.executable},
            scratch / "checks",
        )
        runs = [
            Run(setup, environment, words, scratch / f"{number}-{setup.replace(' ', '-')}")
            for number, (setup, environment, words) in enumerate(parts(options, offers, stack))
        ]
        work_off([checks, *runs])
        return report(
            checks_passed=checks.exit_code == 0,
            outcomes=by_setup(runs),
            missing={name: offer.reason for name, offer in offers.items() if not offer.address},
            all_must_run=options.all_must_run,
        )


def plain() -> dict[str, str]:
    """The environment, without anybody's database or broker."""
    return {name: told for name, told in os.environ.items() if name not in ADDRESSES.values()}


def parts(
    options: argparse.Namespace, offers: dict[str, servers.Offer], stack: ExitStack
) -> Iterator[tuple[str, dict[str, str], list[str]]]:
    """A set-up, its environment, and what pytest is told to run there."""
    there = {name: offer for name, offer in offers.items() if offer.address}
    for name, offer in there.items():
        say(f"{name}: {offer.reason}")
    addresses = {ADDRESSES[name]: offer.address for name, offer in there.items()}
    setups = {EMBEDDED: plain()}
    if there:
        setups = {" + ".join(there): plain() | addresses, **setups}
    once = []
    if there and not options.pytest:
        once = [PURE, WORKERS]
        yield EMBEDDED, plain(), PURE
        of_servers = next(iter(setups))
        yield of_servers, another_broker(setups[of_servers], stack), WORKERS
    for setup, environment in setups.items():
        left = []
        if there:
            left = [f"--ignore={place}" for places in once for place in places]
            left += LEFT_TO_SERVERS if setup == EMBEDDED else LEFT_TO_EMBEDDED
        if options.pytest:
            yield setup, environment, options.pytest
        elif another_broker(environment, stack) == environment and setup != EMBEDDED:
            yield setup, environment, left
        else:
            yield setup, another_broker(environment, stack), [*left, WALKS]
            yield setup, environment, [*left, f"--ignore={WALKS}"]


def another_broker(environment: dict[str, str], stack: ExitStack) -> dict[str, str]:
    """The same with a server of its own, if one can be had: who starts processes empties queues."""
    if "BROKER_URL" not in environment:
        return environment
    return environment | {"BROKER_URL": servers.redis(stack, os.environ).address}


class Job:
    """A command that says how it ended; what it prints is shown when its turn comes."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], place: Path
    ) -> None:
        self.name, self.command, self.environment = name, command, environment
        self.printed = place.with_suffix(".txt")
        self.printed.touch()
        self.exit_code: int | None = None
        self.seconds = 0.0

    def work(self) -> None:
        started = time.monotonic()
        with self.printed.open("wb") as printed:
            self.exit_code = subprocess.call(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
        self.seconds = time.monotonic() - started

    def show(self, working: Future[None]) -> None:
        say(self.name)
        with self.printed.open("rb") as printed:
            while True:
                has_ended = working.done()
                sys.stdout.buffer.write(printed.read())
                sys.stdout.flush()
                if has_ended:
                    break
                time.sleep(1)
        working.result()
        say(f"{self.name}: ended with {self.exit_code} after {self.seconds:.0f} s")


class Run(Job):
    """A part of the suite on one set-up."""

    def __init__(
        self, setup: str, environment: dict[str, str], words: list[str], place: Path
    ) -> None:
        self.setup, self.results = setup, place.with_suffix(".xml")
        pytest = [sys.executable, "-m", "pytest", f"--junitxml={self.results}", "--durations=25"]
        super().__init__(f"{setup}: {' '.join(words)}", [*pytest, *words], environment, place)


def work_off(jobs: list[Job]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for job, working in [(job, pool.submit(job.work)) for job in jobs]:
                job.show(working)
        except BaseException:
            # Ctrl-C reaches what runs; what has not begun does not begin.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def by_setup(runs: list[Run]) -> list[Outcome]:
    outcomes: dict[str, Outcome] = {}
    for run in runs:
        outcome = outcomes.setdefault(run.setup, Outcome(run.setup))
        outcome.exit_code = outcome.exit_code or run.exit_code
        if run.results.exists():
            read_results(run.results, outcome)
    return list(outcomes.values())


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
    owed = [name for name, reason in unrun.items() if not reason.endswith(ELSEWHERE)]
    if all_must_run and owed:
        faults.append(f"{len(owed)} tests that ran nowhere")
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
