"""The sockets of the paper exchange: two addresses on this host, each with threads of its own."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from engine.paper.service.office import HangUp
from engine.paper.service.streaming.socket import Opened, Socket, is_wanted
from engine.paper.service.wire import Answer, Request

MOST_BYTES = 1 << 20
LOOPBACK = "127.0.0.1"
# A page in somebody's browser may send here, too, but by another name.
HOSTS = (LOOPBACK, "localhost")
Answers = Callable[[Request], Answer]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = 60  # of a connection that says nothing
    answers: Answers
    streams: Opened | None = None

    def do_GET(self) -> None:
        told_length = self.headers.get("Content-Length") or "0"
        length = int(told_length) if told_length.isdecimal() else MOST_BYTES + 1
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if length > MOST_BYTES or host not in HOSTS:
            self.close_connection = True
            self._send(Answer(400, {"message": "too large, or meant for another host"}))
            return
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        streams = type(self).streams
        if streams and self.command == "GET" and is_wanted(headers):
            self.close_connection = True
            Socket(self.connection).serve(url.path, headers, streams)
            return
        request = Request(
            method=self.command,
            path=url.path,
            query=url.query,
            headers=headers,
            body=self.rfile.read(length).decode(errors="replace"),
        )
        try:
            self._send(type(self).answers(request))
        except HangUp:
            self.close_connection = True

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the exchange's own journal tells what happened."""

    def _send(self, answer: Answer) -> None:
        is_raw = isinstance(answer.body, bytes)
        body = answer.body if is_raw else json.dumps(answer.body).encode()
        told = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self.send_response(answer.status)
        for name, value in (told | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server:
    """One address; it answers from a thread until it is stopped."""

    def __init__(self, answers: Answers, port: int = 0, *, streams: Opened | None = None) -> None:
        does: dict[str, Any] = {"answers": staticmethod(answers)}
        if streams:
            does["streams"] = staticmethod(streams)
        handler = type("Answering", (Handler,), does)
        self._server = ThreadingHTTPServer((LOOPBACK, port), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
