"""What this host may have sent: one file per client order id, on disk before it is sent."""

import os
import time
from pathlib import Path

KEEP_SECONDS = 7 * 24 * 3600


class FileJournal:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory

    def create(self, client_order_id: str) -> bool:
        try:
            handle = os.open(
                self.directory / client_order_id, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
            )
        except FileExistsError:
            return False
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        # The name is on disk only when its directory is.
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return True

    def prune(self) -> None:
        """Forget what no message can still ask for."""
        oldest = time.time() - KEEP_SECONDS
        for path in self.directory.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
