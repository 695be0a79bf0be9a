"""One request to a provider, and its answer within a time; where it points is not followed."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from engine.deciding.errors import ModelBusy, ModelUnclear

MOST_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    after_seconds: int = 0  # which it asks us to wait


def post(url: str, *, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
    """What was answered; ModelBusy where nothing was sent, ModelUnclear where nobody can tell."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        safe = ssl.create_default_context()
        talk: HTTPConnection = HTTPSConnection(host, port, timeout=timeout_seconds, context=safe)
    else:
        talk = HTTPConnection(host, port, timeout=timeout_seconds)
    with contextlib.closing(talk):
        try:
            talk.connect()
        except (OSError, UnicodeError) as error:
            raise ModelBusy(f"it cannot be reached: {type(error).__name__}") from error
        with cut_after(timeout_seconds, talk.sock) as is_late:
            try:
                return told(talk, parts.path, headers, body)
            except (HTTPException, OSError) as error:
                is_over = is_late() or isinstance(error, TimeoutError)
                words = "no answer in time" if is_over else type(error).__name__
                raise ModelUnclear(f"its answer did not arrive: {words}") from error


def told(talk: HTTPConnection, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    talk.request("POST", path, body, dict(headers))
    response = talk.getresponse()
    content = response.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ModelUnclear(f"its answer is longer than {MOST_BYTES} bytes")
    if response.length:
        raise ModelUnclear("its answer is cut off")
    wait = response.headers.get("Retry-After") or ""
    return Answer(response.status, content, int(wait) if wait.isdecimal() else 0)


@contextlib.contextmanager
def cut_after(seconds: float, line: socket.socket) -> Iterator[Callable[[], bool]]:
    """A time-out of a socket holds for each piece: an answer that drips would never end."""
    is_late = threading.Event()

    def cut() -> None:
        is_late.set()
        # It may have just been closed.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(line, socket.SHUT_RDWR)

    cutting = threading.Timer(seconds, cut)
    cutting.daemon = True
    cutting.start()
    try:
        yield is_late.is_set
    finally:
        cutting.cancel()
