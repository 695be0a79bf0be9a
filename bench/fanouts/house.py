"""A house for measurements: centre, beat and several nodes, each a process of its own."""

import subprocess
from pathlib import Path

from apps.nodes.models import Node
from apps.nodes.services import enroll_node
from tests.walks.running import ROOT, Running, centre_verify_key, empty_queues
from workers.__main__ import node_command
from workers.keys import make_keys


class House(Running):
    def __init__(self, directory: Path, *, nodes: int, **environment: str) -> None:
        super().__init__(directory, **environment)
        self.codes = [f"fan-{number}" for number in range(nodes)]

    def enroll_all(self) -> list[Node]:
        return [self.enroll(code) for code in self.codes]

    def enroll(self, code: str) -> Node:
        self.code = code
        empty_queues(code)
        public = make_keys(
            self.directory / f"{code}.json", node=code, centre_verify=centre_verify_key()
        )
        return enroll_node(code=code, name=code, seal_key=public[0], verify_key=public[1])

    def _spawn(self, name: str) -> None:
        """A node is a process of its own from the start: each has another environment."""
        if name not in self.codes:
            super()._spawn(name)
            return
        environment = self._environment() | {
            "NODE_CODE": name,
            "NODE_KEY_FILE": str(self.directory / f"{name}.json"),
            "NODE_STATE": str(self.directory / name),
        }
        # Nothing of the centre is known there: Celery would load all of it.
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                node_command(name, log_level="INFO"),
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
