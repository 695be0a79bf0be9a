"""Makes the secrets of an embedded installation, once, before settings can be read.

Run as `python -m ironbull.secrets_file`, with the standard library only. An
environment that brings its own keys or its own database is left alone: production
must say its secrets, and a missing one must stop the start. With `--print`, new
secrets are printed, for production or for a rotation, and nothing is written.
"""

import base64
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

KEYS = ["SEAL_KEYS", "AUDIT_KEY", "CENTRE_SIGNING_KEY"]
BROUGHT = ["SECRET_KEY", *KEYS, "DATABASE_URL"]


def ensure(var: Path, environment: Mapping[str, str]) -> None:
    """Write var/ironbull.env with new keys, unless there is one or none is wanted."""
    file = var / "ironbull.env"
    if file.exists() or any(
        name in environment or f"{name}_FILE" in environment for name in BROUGHT
    ):
        return
    if (var / "ironbull.sqlite3").exists():
        # New keys could not open what the old ones sealed.
        sys.exit(f"{file} is missing, but its database is there: restore the file from a backup.")
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = var / f"ironbull.env.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(first_values())
    try:
        # A link, unlike a rename, never replaces a file that another start has just made.
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def first_values() -> str:
    lines = [
        "# The secrets of this installation. Back this file up; never share it.",
        *new_secrets(),
        "# Served over plain HTTP to this machine only; behind TLS, remove the line.",
        "HTTPS=false",
    ]
    return "\n".join(lines) + "\n"


def new_secrets() -> list[str]:
    keys = {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in KEYS}
    return [f"SECRET_KEY={secrets.token_urlsafe(48)}"] + [
        f"{name}={key}" for name, key in keys.items()
    ]


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.exit(print("\n".join(new_secrets())))
    root = Path(__file__).resolve().parent.parent
    ensure(Path(os.environ.get("IRONBULL_VAR") or root / "var").resolve(), os.environ)
