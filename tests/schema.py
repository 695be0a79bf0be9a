"""The tables as all migrations leave them: laid out once for a state of the source, then copied.

To run every migration takes longer than most parts of the suite. Of several runs at once the
first lays them out, and the others wait for it.
"""

import fcntl
import hashlib
from pathlib import Path

import django
from django.db import connection

from ironbull import archive

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".pytest_cache" / "schema"
# What decides about tables, beside the migrations.
SOURCES = ("apps/*/migrations/*.py", "apps/core/append_only.py", "ironbull/mariadb/*.py")


class Schema:
    """A copy for one run's database, and the lock under which it is made."""

    def __init__(self) -> None:
        KEPT.mkdir(parents=True, exist_ok=True)
        self.file = KEPT / f"{connection.vendor}-{digest()}.gz"
        self.lock = (KEPT / f"{connection.vendor}.lock").open("a")

    def lay(self, name: str) -> None:
        """Fill the database of this name, if the tables were laid out before."""
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        if not self.file.exists():
            return
        if connection.vendor == "mysql":
            connection.creation._create_test_db(verbosity=0, autoclobber=True, keepdb=True)
        before, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], name
        archive.LOADS[connection.vendor](self.file)
        connection.settings_dict["NAME"] = before

    def keep(self) -> None:
        """Keep what was laid out now, and let the others go on."""
        if not self.file.exists():
            draft = self.file.with_suffix(".draft")
            archive.DUMPS[connection.vendor](draft)
            for old in KEPT.glob(f"{connection.vendor}-*.gz"):
                old.unlink()
            draft.rename(self.file)
        self.lock.close()


def digest() -> str:
    found = hashlib.sha256(django.get_version().encode())
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        found.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return found.hexdigest()[:16]
