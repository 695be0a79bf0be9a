"""Viewers of another process: some hold a stream open, others ask for the page again and again.

The moments that they note are the machine's own clock, which all its processes share.
"""

import asyncio
import json
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Seen:
    """What one viewer saw: when each of its parts came, how many bytes, and how it ended."""

    page: str
    told: list[tuple[float, list[str]]] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    size: int = 0
    status: int = 0
    is_kept: bool = False


def look(pipe, port: int, places: list[tuple[str, str]], every: float | None) -> None:
    """Look at these pages, each with its cookie, until the other end of the pipe says so."""
    asyncio.run(look_at_all(pipe, port, places, every))


async def look_at_all(pipe, port, places, every) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), over.set)
    seen = [Seen(page) for page, _cookie in places]
    watch = stream if every is None else poll
    tasks = []
    for number, (page, cookie) in enumerate(places):
        tasks.append(asyncio.create_task(watch(seen[number], port, page, cookie, every, number)))
        # As people come: not all in one moment.
        await asyncio.sleep(0.01)
    pipe.send("begun")
    await over.wait()
    for one, task in zip(seen, tasks, strict=True):
        one.is_kept = not task.done()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    asyncio.get_running_loop().remove_reader(pipe.fileno())
    pipe.recv()
    pipe.send(seen)


def request(page: str, cookie: str, accept: str) -> bytes:
    lines = [
        f"GET {page} HTTP/1.1",
        *("Host: localhost", f"Accept: {accept}", f"Cookie: {cookie}", "Accept-Encoding: gzip"),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def head(reader) -> tuple[int, Counter]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    told = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    return int(lines[0].split()[1]), told


async def stream(seen: Seen, port, page, cookie, _every, _number) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(page, cookie, "text/event-stream"))
    seen.status, headers = await head(reader)
    if seen.status != 200:
        writer.close()
        return
    unpack = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    text = b""
    while size := int(await reader.readline(), 16):
        piece = (await reader.readexactly(size + 2))[:-2]
        seen.size += len(piece)
        text += unpack.decompress(piece) if "content-encoding" in headers else piece
        *events, text = text.split(b"\n\n")
        for event in events:
            data = [line for line in event.split(b"\n") if line.startswith(b"data: ")]
            if data:
                names = list(json.loads(data[0][6:])["parts"])
                seen.told.append((time.monotonic(), names))


async def poll(seen: Seen, port, page, cookie, every, number) -> None:
    await asyncio.sleep(every * (number % 100) / 100)
    reader = None
    while True:
        began = time.monotonic()
        if reader is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        writer.write(request(page, cookie, "text/html"))
        seen.status, headers = await head(reader)
        seen.size += len(await reader.readexactly(int(headers["content-length"])))
        if headers.get("connection") == "close":
            writer.close()
            reader = None
        seen.took.append(time.monotonic() - began)
        await asyncio.sleep(max(0, every - (time.monotonic() - began)))
