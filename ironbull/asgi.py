"""What an ASGI server calls: streams here, in its loop; every page in a thread, as under WSGI.

Pages and APIs are synchronous. They are answered by the WSGI application, whose threads keep their
lines to the database, and where a request costs a quarter of what it does through Django's own
ASGI handler. What such a thread answers may be a stream to be opened (`apps/core/live.py`).
"""

# Django is loaded here, before anything that knows its models.
from ironbull.wsgi import application as pages

# isort: split
import asyncio
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from tempfile import SpooledTemporaryFile
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.utils import timezone

from apps.core.live import HUB, Hub, LiveResponse
from apps.tenants.selectors import rights_of

# Of a body so much is kept in memory, and more on the disk while it comes.
IN_MEMORY = 1 << 16
# More is refused by the pages, who are told how long it is, and not given more to read.
LONGEST_BODY = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1
FIXED = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
hub = Hub(lambda logins: rights_of(logins, now=timezone.now()))
threads = ThreadPoolExecutor(settings.WEB_THREADS, "pages")


async def application(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError(f"nothing is served over {scope['type']}")
    with SpooledTemporaryFile(IN_MEMORY) as body:
        length = await read_body(body, receive)
        if length is None:
            return
        loop = asyncio.get_running_loop()
        answer = Answer(loop, send)
        environ = environ_of(scope, body, length)
        stream = await loop.run_in_executor(threads, answer.give, environ)
    if stream is not None:
        await hub.serve(stream, receive, send)


# Whom its server lets go when it stops.
application.hub = hub


async def read_body(body, receive) -> int | None:
    """Take in what is sent, before a thread is asked for it: a slow sender holds none up."""
    length, more = 0, True
    while more and length <= LONGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body.write(message.get("body", b""))
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body.seek(0)
    return length


def environ_of(scope, body, length: int) -> dict[str, object]:
    """The request in WSGI's words."""
    host, port = scope["server"]
    path = unquote_to_bytes(scope.get("raw_path") or scope["path"].encode())
    environ = FIXED | {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or ""),
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        HUB: hub,
    }
    for name, value in scope["headers"]:
        # With an underscore it could pass for another one, such as X-Forwarded-For.
        if b"_" in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        told = value.decode("latin-1")
        environ[key] = f"{environ[key]},{told}" if key in environ else told
    # What came is what there is, also where nobody had said how much would come.
    if length < LONGEST_BODY or "CONTENT_LENGTH" not in environ:
        environ["CONTENT_LENGTH"] = str(length)
    return environ


class Answer:
    """One answer of the WSGI application, told to the server from a thread."""

    def __init__(self, loop, send) -> None:
        self._loop, self._send = loop, send
        self._start = (500, [])

    def give(self, environ) -> LiveResponse | None:
        """Answer; a stream that is to be opened is given back instead."""
        with closing(pages(environ, self._begin)) as response:
            if isinstance(response, LiveResponse):
                return response
            if response.streaming:
                self._wait(tell_on(self._send, *self._start))
                for piece in response:
                    self._wait(self._send(body_of(piece, more=True)))
                self._wait(self._send(body_of(b"")))
            else:
                body = b"" if environ["REQUEST_METHOD"] == "HEAD" else b"".join(response)
                self._wait(tell(self._send, *self._start, body))
        return None

    def _begin(self, status: str, headers: Iterable[tuple[str, str]], exc_info=None) -> None:
        told = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        self._start = (int(status[:3]), told)

    def _wait(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def tell(send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await tell_on(send, status, headers)
    await send(body_of(body))


async def tell_on(send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


def body_of(piece: bytes, *, more: bool = False) -> dict[str, object]:
    return {"type": "http.response.body", "body": piece, "more_body": more}
