"""API keys of the paper exchange: made at random when the service first starts.

They open nothing but play money, and still lie in a file that only its owner
reads, so that a service that was killed comes back with the same ones.
"""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Key:
    dialect: str
    account: str
    api_key: str
    secret: str
    passphrase: str
    # Whether it may withdraw, as its venue would tell; nothing is withdrawn here.
    withdraws: bool = False


class Keys:
    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._by_name: dict[str, Key] = {}
        if path and path.exists():
            kept = [Key(**told) for told in json.loads(path.read_text())]
            self._by_name = {key.api_key: key for key in kept}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._by_name.values())

    def find(self, api_key: str) -> Key | None:
        return self._by_name.get(api_key)

    def of(self, account: str) -> Key | None:
        return next((key for key in self._by_name.values() if key.account == account), None)

    def make(self, dialect: str, account: str, *, withdraws: bool = False) -> Key:
        """A new key, kept before it is told."""
        key = Key(
            dialect,
            account,
            api_key=secrets.token_hex(16),
            secret=secrets.token_hex(32),
            passphrase=secrets.token_hex(8),
            withdraws=withdraws,
        )
        self._by_name[key.api_key] = key
        self._keep()
        return key

    def _keep(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps([asdict(key) for key in self._by_name.values()])
        new = self._path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
