"""A house for measurements: centre, beat and several nodes, each a process of its own."""

from pathlib import Path

from apps.nodes.models import Node
from apps.nodes.services import enroll_node
from tests.walks.running import Running, centre_verify_key, empty_queues
from workers.keys import make_keys


class House(Running):
    def __init__(self, directory: Path, *, nodes: int, **environment: str) -> None:
        super().__init__(directory, **environment)
        self.shared = environment
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

    def _command(self, name: str) -> list[str]:
        return super()._command("node" if name in self.codes else name)

    def _spawn(self, name: str) -> None:
        self.environment = self.shared
        if name in self.codes:
            self.environment = self.shared | {
                "NODE_CODE": name,
                "NODE_KEY_FILE": str(self.directory / f"{name}.json"),
                "NODE_STATE": str(self.directory / name),
            }
        super()._spawn(name)
