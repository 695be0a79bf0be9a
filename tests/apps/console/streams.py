"""Streams as a browser opens them, through the application that an ASGI server calls."""

import asyncio
import json
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from django.conf import settings
from django.test import Client

from apps.core import live
from ironbull import asgi

SECONDS = 20


@pytest.fixture
def streams(transactional_db, monkeypatch, settings):
    """Quick streams and threads of this test's own."""
    settings.ALLOWED_HOSTS = ["*"]
    for name, seconds in {"STEP_SECONDS": 0.05, "RIGHTS_SECONDS": 0.05}.items():
        monkeypatch.setattr(live, name, seconds)
    hub = live.Hub(asgi.hub._rights_of)
    monkeypatch.setattr(asgi, "hub", hub)
    with ThreadPoolExecutor(4) as threads:
        monkeypatch.setattr(asgi, "threads", threads)
        yield hub
        hub._readers.shutdown()


def play(story):
    """Run a story in a thread of its own: playwright's loop may run in this one."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, story).result()


def logged_in(user) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"}


def scope_of(method: str, address: str, headers: dict[str, str]) -> dict[str, object]:
    path, _mark, query = address.partition("?")
    told = {"host": "testserver", **headers}
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
        "client": ("127.0.0.1", 40000),
        "server": ("testserver", 80),
    }


class Stream:
    """What one viewer was told, until it goes away or is let go."""

    def __init__(self) -> None:
        self.status, self.headers = 0, {}
        self.has_ended = False
        # A reader who takes nothing for a while.
        self.reads = asyncio.Event()
        self.reads.set()
        self._left = asyncio.Event()
        self._was_sent = False
        self._text = b""
        self._unpack = None

    async def receive(self):
        if not self._was_sent:
            self._was_sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            assert self.status != 200 or "content-length" not in self.headers
            if self.headers.get("content-encoding") == "gzip":
                self._unpack = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            return
        body = message.get("body", b"")
        self._text += self._unpack.decompress(body) if self._unpack else body

    @property
    def events(self) -> list[tuple[str, dict]]:
        """The id and data of each event so far."""
        found = []
        for lines in self._text.decode().split("\n\n"):
            told = dict(line.split(": ", 1) for line in lines.splitlines() if ": " in line)
            if "data" in told:
                found.append((told["id"], json.loads(told["data"])))
        return found

    def parts(self, since: int = 0) -> dict[str, str]:
        """The newest of each part that was told after so many events."""
        return {
            name: part for _id, told in self.events[since:] for name, part in told["parts"].items()
        }

    async def until(self, condition) -> None:
        ends_at = time.monotonic() + SECONDS
        while not condition(self):
            assert time.monotonic() < ends_at, self._text[-300:]
            await asyncio.sleep(0.02)

    def leave(self) -> None:
        self._left.set()


@asynccontextmanager
async def watching(address: str, headers: dict[str, str], **more: str):
    """A viewer of this address, who is there until the end of the block."""
    stream = Stream()
    scope = scope_of("GET", address, {"accept": "text/event-stream", **headers, **more})

    async def served():
        await asgi.application(scope, stream.receive, stream.send)
        stream.has_ended = True

    task = asyncio.create_task(served())
    try:
        await stream.until(lambda one: one.status or task.done())
        yield stream
    finally:
        stream.reads.set()
        stream.leave()
        await asyncio.wait_for(task, SECONDS)


async def ask(method: str, address: str, headers: dict[str, str], *pieces: bytes):
    """One answer: its status, headers and body."""
    sent = list(pieces) or [b""]
    told = []

    async def receive():
        return {"type": "http.request", "body": sent.pop(0), "more_body": bool(sent)}

    async def send(message):
        told.append(message)

    await asgi.application(scope_of(method, address, headers), receive, send)
    start, *bodies = told
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], found, b"".join(one.get("body", b"") for one in bodies)
