"""Worker processes that start at once: forked from one that has loaded their code.

Nearly all of a worker's start is loading. A walk that kills one after the other would
otherwise mostly watch them load. What runs afterwards is what their command would run.

    python -m tests.walks.nursery <module to load>

reads `{"argv": […], "log": "…"}` line by line, and answers each with a process id.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from ironbull.supervisor import LIBC, PR_SET_PDEATHSIG


class Child:
    """A process that is somebody else's child; it looks like one of ours."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return -signal.SIGKILL
        return None

    def wait(self) -> None:
        while self.poll() is None:
            time.sleep(0.01)


class Nursery:
    """The process that forks, as its owner sees it."""

    def __init__(self, module: str, *, cwd: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.walks.nursery", module],
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._asking = threading.Lock()

    def start(self, command: list[str], log: Path) -> Child:
        """What `python command…` would be, once the code is loaded."""
        _python, *argv = command
        argv = argv[1:] if argv[0] == "-m" else argv
        with self._asking:
            self._process.stdin.write(json.dumps({"argv": argv, "log": str(log)}) + "\n")
            self._process.stdin.flush()
            return Child(int(self._process.stdout.readline()))

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def main(module: str) -> None:
    importlib.import_module(module)
    # Nobody waits for the dead here; who started them sees it by themselves.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            be_born(asked["argv"], asked["log"])
        # Whoever is told of it may end its whole group at once.
        with suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        print(pid, flush=True)


def be_born(argv: list[str], log: str) -> None:
    """Become what `python -m celery …` or `manage.py …` would be, in a group of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    if LIBC:
        # Whose owner was killed outright is killed, too.
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    silence = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((silence, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    sys.argv = argv
    if argv[0] == "celery":
        importlib.import_module("celery.__main__").main()
    else:
        importlib.import_module("django.core.management").execute_from_command_line(argv)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
