"""Real Celery workers on one broker, for tests that start, stop and kill them."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Workers:
    def __init__(self, app, *options, queue, log, **environment):
        self.app = app
        self.options = options
        self.queue = queue
        self.log = log
        self.environment = {**os.environ, **environment}
        self.running = []

    def start(self):
        command = [sys.executable, "-m", "celery", "-A", self.app, "worker"]
        options = ("-Q", self.queue, "-n", f"w{len(self.running)}@%h", "--loglevel=warning")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*command, *options, "--without-mingle", "--without-gossip", *self.options],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def stop(self):
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
