"""Starts processes, shows what they print, starts the dead again, and leaves none behind."""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
# A process that lived this long has recovered: its next death waits the first delay again.
STEADY_SECONDS = 30.0
STOP_SECONDS = 8.0
COLOURS = ["36", "33", "35", "32", "34"]
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    name: str
    command: list[str]
    environment: Mapping[str, str]


@dataclass
class Child:
    program: Program
    colour: str
    process: subprocess.Popen[bytes] | None = None
    unread: bytes = b""
    started_at: float = 0.0
    start_at: float = 0.0
    delay: float = FIRST_DELAY_SECONDS
    # The process group outlives its leader while grandchildren live.
    group: int = field(default=0)


class Supervisor:
    """Single-threaded on purpose: it forks, and a child must not inherit a lock in use."""

    def __init__(self, programs: list[Program], *, on_round: Callable[[], None]) -> None:
        self.children = [
            Child(program, COLOURS[number % len(COLOURS)])
            for number, program in enumerate(programs)
        ]
        self.on_round = on_round
        self.selector = selectors.DefaultSelector()
        self.asked_to_stop = 0
        self.coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.width = max(len(program.name) for program in programs)

    def run(self) -> None:
        """Until SIGINT, SIGTERM or SIGHUP; afterwards every process is gone."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.ask_to_stop)
        try:
            while not self.asked_to_stop:
                self.start_due()
                self.show(timeout=0.2)
                self.bury()
                self.on_round()
        finally:
            self.stop()

    def ask_to_stop(self, number: int, frame: object) -> None:
        self.asked_to_stop += 1

    def start_due(self) -> None:
        for child in self.children:
            if child.process is None and time.monotonic() >= child.start_at:
                self.start(child)

    def start(self, child: Child) -> None:
        parent = os.getpid()

        def tie_to_parent() -> None:
            # Should we be killed outright, the kernel kills the child: a killed
            # worker loses nothing, one without a supervisor would trade unseen.
            if LIBC is not None:
                LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:
                    os._exit(1)

        # The only thread is this one, so running Python between fork and exec is safe.
        child.process = subprocess.Popen(  # noqa: S603
            child.program.command,
            env=dict(child.program.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=tie_to_parent,
        )
        child.group = child.process.pid
        child.started_at = time.monotonic()
        os.set_blocking(child.process.stdout.fileno(), False)
        self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def show(self, *, timeout: float) -> None:
        for key, _ in self.selector.select(timeout):
            self.read(key.data)

    def read(self, child: Child) -> None:
        try:
            chunk = child.process.stdout.read(65536)
        except BlockingIOError:
            return
        if not chunk:
            self.selector.unregister(child.process.stdout)
            return
        *lines, child.unread = (child.unread + chunk).split(b"\n")
        for line in lines:
            self.say(child, line.decode(errors="replace").rstrip())

    def bury(self) -> None:
        for child in self.children:
            if child.process is None or child.process.poll() is None:
                continue
            self.close(child)
            if time.monotonic() - child.started_at >= STEADY_SECONDS:
                child.delay = FIRST_DELAY_SECONDS
            child.start_at = time.monotonic() + child.delay
            self.say(child, f"{how(child.process)}; starting it again in {child.delay:.0f} s")
            child.delay = min(child.delay * 2, LONGEST_DELAY_SECONDS)
            child.process = None

    def close(self, child: Child) -> None:
        """Read what is left, and end what the process itself had started."""
        signal_group(child, signal.SIGKILL)
        if child.process.stdout in [key.fileobj for key in self.selector.get_map().values()]:
            self.read(child)
        if child.process.stdout in [key.fileobj for key in self.selector.get_map().values()]:
            self.selector.unregister(child.process.stdout)
        child.process.stdout.close()
        if child.unread:
            self.say(child, child.unread.decode(errors="replace").rstrip())
            child.unread = b""

    def stop(self) -> None:
        """Ask all at once; kill what has not gone in time, or when asked a second time."""
        running = [child for child in self.children if child.process is not None]
        asked = self.asked_to_stop
        for child in running:
            signal_group(child, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while any(child.process.poll() is None for child in running):
            if time.monotonic() > deadline or self.asked_to_stop > asked:
                break
            self.show(timeout=0.1)
        for child in running:
            signal_group(child, signal.SIGKILL)
            child.process.wait()

    def say(self, child: Child, line: str) -> None:
        if not line:
            return
        name = f"{child.program.name:<{self.width}} |"
        if self.coloured:
            name = f"\033[{child.colour}m{name}\033[0m"
        try:
            print(name, line, flush=True)
        except BrokenPipeError:
            # Nobody reads us any more, so nobody could stop us either.
            self.asked_to_stop += 1
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def signal_group(child: Child, number: int) -> None:
    try:
        os.killpg(child.group, number)
    except ProcessLookupError:
        return


def how(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
