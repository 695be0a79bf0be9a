"""Database and broker addresses, checked and turned into what Django and Celery want."""

from pathlib import Path
from urllib.parse import unquote, urlparse

SQLITE_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;"

CONNECT_SECONDS = 10


def database(address: str, *, answer_seconds: int = 60) -> dict[str, object]:
    """`sqlite:///path` or `mysql://user:password@host:port/name`.

    A server that says nothing for `answer_seconds` is given up: whoever asked goes on without it,
    instead of waiting for a line that nobody has ended. It is longer than the server itself lets
    one transaction wait for another (`innodb_lock_wait_timeout`, 50 seconds).
    """
    url = urlparse(address)
    if url.scheme == "sqlite":
        path = url.path.removeprefix("/")
        if not path:
            raise ValueError("sqlite:/// needs the path of a file")
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path,
            # To open the file anew is to read its whole schema: longer than most requests take.
            "CONN_MAX_AGE": 60,
            # A transaction takes the write lock at its start, so two that read and
            # then write wait for each other instead of failing.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": SQLITE_PRAGMAS,
            },
        }
    if url.scheme == "mysql":
        if not url.hostname or not url.path.strip("/"):
            raise ValueError("mysql:// needs a host and a database name")
        return {
            "ENGINE": "ironbull.mariadb",
            "NAME": url.path.strip("/"),
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": url.hostname,
            "PORT": url.port or 3306,
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {
                "charset": "utf8mb4",
                "isolation_level": "read committed",
                "connect_timeout": min(CONNECT_SECONDS, answer_seconds),
                "read_timeout": answer_seconds,
                "write_timeout": answer_seconds,
            },
        }
    # The address is not repeated: it may hold a password.
    raise ValueError("not a sqlite:///path or mysql://user:password@host/name address")


def broker(address: str) -> str:
    """`embedded:///path` or `redis://…`; an absolute path makes four slashes."""
    url = urlparse(address)
    if url.port == 0:
        raise ValueError("port 0 is no address")
    if url.scheme == "embedded" and url.path.strip("/"):
        return address
    if url.scheme in {"redis", "rediss", "sentinel", "amqp"} and url.hostname:
        return address
    raise ValueError("not an embedded:///path, redis://host or amqp://host address")


def memory(address: str) -> str:
    """The address of a Redis, or none where a file beside the embedded broker does."""
    scheme = urlparse(address).scheme
    if scheme in {"redis", "rediss"}:
        return address
    if scheme == "embedded":
        return ""
    raise ValueError("with this broker, MEMORY_URL names a redis:// server")


def absolute(address: str, root: Path) -> str:
    """The address with a relative file path made absolute, so every process means the same file."""
    url = urlparse(address)
    if url.scheme in {"sqlite", "embedded"}:
        path = url.path.removeprefix("/")
        if not path:
            return address
        return f"{url.scheme}:///{path if path.startswith('/') else root / path}"
    return address
