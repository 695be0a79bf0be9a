"""The hash that the old system kept of members' passwords: good for one more login."""

import hashlib
import hmac

from django.contrib.auth.hashers import BasePasswordHasher


class OldMD5Hasher(BasePasswordHasher):
    """Reads `old_md5$<hex>`; whoever logs in with it is given a new hash at once."""

    algorithm = "old_md5"

    def salt(self) -> str:
        return ""

    def encode(self, password: str, salt: str = "") -> str:
        return f"{self.algorithm}${hashlib.md5(password.encode()).hexdigest()}"  # noqa: S324

    def decode(self, encoded: str) -> dict[str, str]:
        algorithm, hashed = encoded.split("$", 1)
        return {"algorithm": algorithm, "hash": hashed, "salt": ""}

    def verify(self, password: str, encoded: str) -> bool:
        return hmac.compare_digest(encoded.encode(), self.encode(password).encode())

    def safe_summary(self, encoded: str) -> dict[str, str]:
        return {"algorithm": self.algorithm}

    def must_update(self, encoded: str) -> bool:
        return True

    def harden_runtime(self, password: str, encoded: str) -> None:
        """It is as fast as it is; that is why it is replaced."""
