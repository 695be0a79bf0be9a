"""One websocket: its frames are read and written by `websockets`, and the words by a dialect.

A client is told what is new as often as real venues tell it, by the thread that its connection has
anyway.
"""

import json
import logging
import select
import socket
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from engine.errors import EngineError

PUSH_SECONDS = 0.1
# It would tell of every connection that comes and goes.
SILENT = logging.Logger("engine.paper.silent")
SILENT.disabled = True
MOST_BYTES = 1 << 16


class Conversation(Protocol):
    """What is said on a connection; EngineError ends it."""

    def hear(self, text: str) -> list[Any]: ...

    def news(self) -> list[Any]: ...


Opened = Callable[[str], Conversation | None]


def is_wanted(headers: Mapping[str, str]) -> bool:
    return headers.get("upgrade", "").lower() == "websocket"


class Socket:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = ServerProtocol(max_size=MOST_BYTES, logger=SILENT)

    def serve(self, path: str, headers: Mapping[str, str], opened: Opened) -> None:
        """Until either side has closed it."""
        talk = opened(path)
        answer = self._frames.accept(Request(path, Headers(**headers)))
        if talk is None:
            answer = self._frames.reject(503, "no stream here\n")
        self._frames.send_response(answer)
        is_open = self._frames.state is State.OPEN
        try:
            self._send()
            # The request was read before; from here on there are frames only.
            self._frames = ServerProtocol(state=State.OPEN, max_size=MOST_BYTES, logger=SILENT)
            while talk and is_open and self._frames.state is State.OPEN:
                self._turn(talk)
        except OSError:
            # The client is gone: there is nobody to tell.
            return

    def _turn(self, talk: Conversation) -> None:
        readable, _, _ = select.select([self._connection], [], [], PUSH_SECONDS)
        if readable:
            received = self._connection.recv(MOST_BYTES)
            if received:
                self._frames.receive_data(received)
            else:
                self._frames.receive_eof()
        texts = self._texts()
        if self._frames.state is not State.OPEN:
            # It was asked to close, and the library has answered.
            self._send()
            return
        try:
            said = [one for text in texts for one in talk.hear(text)]
            for one in [*said, *([] if said else talk.news())]:
                text = one if isinstance(one, str) else json.dumps(one)
                self._frames.send_text(text.encode())
        except EngineError as error:
            self._frames.send_close(1008, error.message[:100])
        self._send()

    def _texts(self) -> list[str]:
        """Whole messages only: no client of ours sends one in pieces."""
        return [
            bytes(frame.data).decode(errors="replace")
            for frame in self._frames.events_received()
            if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT
        ]

    def _send(self) -> None:
        for data in self._frames.data_to_send():
            if data:
                self._connection.sendall(data)
