"""Streams of events: what changes is read once for all who see the same, and told to each.

A channel reads something again and again while anybody looks at it. A viewer is told the newest of
it and no history: who reads slowly is told less often, holds up nobody, and costs one message of
memory. Who comes back says what was told last. A viewer whose login ends, or whose rights change,
is let go, and asks at the page's own door.
"""

import asyncio
import hashlib
import json
import logging
import zlib
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from django.db import DatabaseError, close_old_connections
from django.http import HttpResponse

log = logging.getLogger(__name__)
# Where a request finds the streams of its server, which may have none.
HUB = "ironbull.live"
# Something is read again after so long, and later where reading is slow.
STEP_SECONDS = 2.0
# How soon a login that ended, or other rights, end a stream.
RIGHTS_SECONDS = 3.0
# A line that says nothing is thought to be dead by what stands between.
QUIET_SECONDS = 15.0
# Who takes a message for so long is away.
SLOWEST_SECONDS = 30.0
# For so long what cannot be read is tried again, before its viewers are let go.
PATIENCE_SECONDS = 20.0
# Viewers of one process: all of them, those of one login, and strangers from one address.
MOST_VIEWERS, MOST_OF_LOGIN, MOST_FROM_ADDRESS = 2000, 30, 500
# What strangers may look at at once, each of its own.
MOST_PUBLIC = 64
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    # A proxy that collects an answer before it passes it on would tell nothing.
    "X-Accel-Buffering": "no",
}
# How a file of gzip begins; it is never ended, as little as the stream is.
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"

Send = Callable[[dict[str, object]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, object]]]
Write = Callable[["Piece"], Awaitable[None]]


class Told(Protocol):
    """What was read of something at one moment."""

    def since(self, seen: str) -> tuple[str, bytes] | None:
        """The id and data of what somebody has to be told who has seen this; None for nothing."""


Read = Callable[[Told | None], Told]
# What the rights of these logins are now; one that ended is not there.
RightsOf = Callable[[Collection[int]], Mapping[int, Hashable]]


class Gone(Exception):
    """There is nothing more to read: its viewers have to ask at the door."""


@dataclass(frozen=True)
class Watch:
    """What one viewer looks at: whose keys are equal see the same."""

    key: Hashable
    read: Read
    # What was read at the door already.
    first: Told | None = None
    seconds: float = field(default_factory=lambda: STEP_SECONDS)
    # A stranger has no login, and an address.
    login: int | None = None
    rights: Hashable = None
    source: str = ""


class LiveResponse(HttpResponse):
    """A server of streams opens one for it; from any other it says that there is none."""

    def __init__(self, watch: Watch, *, seen: str = "", is_packed: bool = False) -> None:
        super().__init__(status=204)
        self.watch, self.seen, self.is_packed = watch, seen, is_packed


def headers_of(response: LiveResponse) -> list[tuple[bytes, bytes]]:
    packed = {"Content-Encoding": "gzip"} if response.is_packed else {}
    told = [*{**response.headers, **HEADERS, **packed}.items()]
    # Of an answer without a body somebody has said so; a stream has no length.
    told = [(name, value) for name, value in told if name != "Content-Length"]
    told += [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in told]


class Parts:
    """The live parts of a page; whoever has seen those before is told what differs."""

    def __init__(self, parts: dict[str, str], before: "Parts | None" = None) -> None:
        self.parts = parts
        self.mark, self._all = marked(parts)
        self._before, self._changed = "", self._all
        if before is not None and before.mark != self.mark:
            known = before.parts
            changed = {name: part for name, part in parts.items() if known.get(name) != part}
            self._before, self._changed = before.mark, marked(changed)[1]

    def since(self, seen: str) -> tuple[str, bytes] | None:
        if seen == self.mark:
            return None
        return self.mark, self._changed if seen == self._before else self._all


def marked(parts: dict[str, str]) -> tuple[str, bytes]:
    told = json.dumps({"parts": parts}, ensure_ascii=False).encode()
    return hashlib.blake2b(told, digest_size=8).hexdigest(), told


class Viewer:
    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.news = asyncio.Event()
        self.is_over = False

    @property
    def whose(self) -> Hashable:
        return self.watch.login or self.watch.source

    def end(self) -> None:
        self.is_over = True
        self.news.set()


class Piece:
    """Some lines of a stream, written and compressed once for all who are told them.

    A piece ends by a full flush, and refers to nothing before it: so the same bytes stand in any
    stream, whatever was told there until then.
    """

    def __init__(self, text: bytes) -> None:
        self.plain, self._packed = text, b""

    @property
    def packed(self) -> bytes:
        if not self._packed:
            packer = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)
            self._packed = packer.compress(self.plain) + packer.flush(zlib.Z_FULL_FLUSH)
        return self._packed


START, STILL_HERE = Piece(b"retry: 2000\n\n"), Piece(b":\n\n")


class Channel:
    def __init__(self, watch: Watch) -> None:
        self.read, self.told, self.seconds = watch.read, watch.first, watch.seconds
        self.is_public = watch.login is None
        self.viewers: set[Viewer] = set()
        self._pieces: dict[str, tuple[str, Piece] | None] = {}

    def tell(self, told: Told) -> None:
        self.told = told
        self._pieces.clear()
        for viewer in self.viewers:
            viewer.news.set()

    def since(self, seen: str) -> tuple[str, Piece] | None:
        """What has to be told to those who have seen this; most have seen the same."""
        if self.told is None:
            return None
        if seen not in self._pieces:
            message = self.told.since(seen)
            if message is not None:
                mark, data = message
                message = mark, Piece(b"id: %s\ndata: %s\n\n" % (mark.encode(), data))
            self._pieces[seen] = message
        return self._pieces[seen]


class Hub:
    """All streams of one process; everything of it happens in one event loop."""

    def __init__(self, rights_of: RightsOf) -> None:
        self._rights_of = rights_of
        self._channels: dict[Hashable, Channel] = {}
        self._tasks: set[asyncio.Task] = set()
        self._is_guarded = False
        # Strangers wait for each other, and nobody who is logged in for them.
        self._turns = {True: asyncio.Lock(), False: asyncio.Lock()}
        self._readers = ThreadPoolExecutor(len(self._turns) + 1, "live")

    def knows(self, key: Hashable) -> bool:
        """Whether somebody looks at this already; asked by any thread."""
        return key in self._channels

    def viewers(self) -> list[Viewer]:
        return [one for channel in self._channels.values() for one in channel.viewers]

    def end(self) -> None:
        """Let everybody go: the server stops."""
        for viewer in self.viewers():
            viewer.end()

    async def serve(self, response: LiveResponse, receive: Receive, send: Send) -> None:
        viewer = Viewer(response.watch)
        channel = self._join(viewer)
        if channel is None:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body"})
            return
        gone = asyncio.create_task(receive())
        gone.add_done_callback(lambda _task: viewer.end())

        async def put(data: bytes, *, more: bool = True) -> None:
            async with asyncio.timeout(SLOWEST_SECONDS):
                await send({"type": "http.response.body", "body": data, "more_body": more})

        async def write(piece: Piece) -> None:
            await put(piece.packed if response.is_packed else piece.plain)

        try:
            headers = headers_of(response)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if response.is_packed:
                await put(GZIP)
            await tell_on(viewer, channel, response.seen, write)
            await put(b"", more=False)
        except (TimeoutError, ConnectionError):
            log.info("a viewer went away, or took nothing for %s s", SLOWEST_SECONDS)
        finally:
            channel.viewers.discard(viewer)
            gone.cancel()

    def _join(self, viewer: Viewer) -> Channel | None:
        watch, present = viewer.watch, self.viewers()
        alike = sum(one.whose == viewer.whose for one in present)
        most = MOST_OF_LOGIN if watch.login else MOST_FROM_ADDRESS
        if len(present) >= MOST_VIEWERS or alike >= most:
            return None
        channel = self._channels.get(watch.key)
        if channel is None:
            channel = Channel(watch)
            public = sum(one.is_public for one in self._channels.values())
            if channel.is_public and public >= MOST_PUBLIC:
                return None
            self._channels[watch.key] = channel
            self._start(self._reading(watch.key, channel))
        channel.viewers.add(viewer)
        if not self._is_guarded:
            self._is_guarded = True
            self._start(self._guarding())
        return channel

    def _start(self, work) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reading(self, key: Hashable, channel: Channel) -> None:
        try:
            await self._read_on(channel)
        finally:
            # Whatever ended it: nobody looks on at what is read no more.
            del self._channels[key]
            for viewer in channel.viewers:
                viewer.end()

    async def _read_on(self, channel: Channel) -> None:
        worked_at = monotonic()
        if channel.told is not None:
            await asyncio.sleep(channel.seconds)
        while channel.viewers:
            # One at a time, and a rest as long as each took: all reading together takes half a
            # processor at most, and where there is more to read, everything is read less often.
            async with self._turns[channel.is_public]:
                began = monotonic()
                try:
                    channel.tell(await self._apart(channel.read, channel.told))
                    worked_at = monotonic()
                except Gone:
                    break
                except DatabaseError:
                    log.exception("what is watched cannot be read")
                    if monotonic() - worked_at > PATIENCE_SECONDS:
                        break
                await asyncio.sleep(monotonic() - began)
            await asyncio.sleep(channel.seconds)

    async def _guarding(self) -> None:
        try:
            await self._guard_on()
        finally:
            # Nobody looks on unguarded.
            self._is_guarded = False
            self.end()

    async def _guard_on(self) -> None:
        """Let those go who may not stay; where that cannot be known for a while, everybody."""
        known_at = monotonic()
        while self._channels:
            await asyncio.sleep(RIGHTS_SECONDS)
            inside = [one for one in self.viewers() if one.watch.login is not None]
            try:
                rights = await self._apart(self._rights_of, {one.watch.login for one in inside})
                known_at = monotonic()
            except DatabaseError:
                log.exception("the rights of viewers cannot be read")
                rights = None
            for one in inside:
                is_known = rights is not None or monotonic() - known_at < PATIENCE_SECONDS
                changed = rights is not None and rights.get(one.watch.login) != one.watch.rights
                if changed or not is_known:
                    one.end()

    async def _apart(self, work, *about):
        def with_a_line_of_its_own():
            close_old_connections()
            try:
                return work(*about)
            finally:
                close_old_connections()

        return await asyncio.get_running_loop().run_in_executor(
            self._readers, with_a_line_of_its_own
        )


async def tell_on(viewer: Viewer, channel: Channel, seen: str, write: Write) -> None:
    """Tell one viewer what is new, until one of both is gone."""
    await write(START)
    spoke_at = monotonic()
    while not viewer.is_over:
        viewer.news.clear()
        news = channel.since(seen)
        if news is not None:
            seen, piece = news
            await write(piece)
            spoke_at = monotonic()
        try:
            async with asyncio.timeout(spoke_at + QUIET_SECONDS - monotonic()):
                await viewer.news.wait()
        except TimeoutError:
            await write(STILL_HERE)
            spoke_at = monotonic()
