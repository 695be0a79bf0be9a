"""A venue on 127.0.0.1: it writes down every request and gives the answers it was told to give.

The real ccxt classes talk to it over real sockets. What they sent is shown as
text, one request after the other, without signature and timestamp, and compared
with what is checked in under `requests/`.
"""

import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

EXPECTED = Path(__file__).parent / "requests"
# Of this moment and of the key, so different on every run.
UNSHOWN = {"timestamp", "signature", "nonce"}
SHOWN_HEADERS = ("expTime", "x-gate-exptime")
DROPPED = "the connection ends without an answer"
NOW_MS = 1_700_000_005_000
NOT_AFTER_MS = NOW_MS + 5_000


@dataclass
class Keys:
    """Told to nobody: no error may hold any of the three."""

    api_key: str = "key-4cd2a7"
    api_secret: str = "secret-91be05"
    passphrase: str = "phrase-77aa1c"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    words: dict[str, Any]

    @property
    def name(self) -> str:
        """Method and path, and the kind of question where one path serves many."""
        kind = self.words.get("type", "") if self.path == "/info" else ""
        if self.path == "/exchange":
            kind = self.words["action"]["type"]
        return f"{self.method} {self.path} {kind}".strip()

    def __str__(self) -> str:
        shown = {name: self.headers[name] for name in SHOWN_HEADERS if name in self.headers}
        told = [f"    {name}: {value}" for name, value in shown.items()]
        told += [f"    {name} = {written(value)}" for name, value in sorted(self.words.items())]
        return "\n".join([f"{self.method} {self.path}", *told])


@dataclass
class LocalVenue:
    """`answers` by the names of their requests."""

    answers: dict[str, Any] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, request: Request) -> Any:
        if request.name not in self.answers:
            self.unexpected.append(request.name)
            return 404, "nothing is here"
        told = self.answers[request.name]
        # Several answers are given one after the other; the last one stays.
        return told.next() if isinstance(told, Several) else told

    def shown(self) -> str:
        return "\n".join(str(request) for request in self.seen)

    def count(self, name: str) -> int:
        return sum(request.name == name for request in self.seen)


@dataclass
class Several:
    answers: list[Any]

    def next(self) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def several(*answers: Any) -> Several:
    return Several(list(answers))


def written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def words_of(query: str, body: str) -> dict[str, Any]:
    words: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    if body.startswith(("{", "[")):
        told = json.loads(body)
        words |= told if isinstance(told, dict) else {"": told}
    else:
        words |= dict(parse_qsl(body, keep_blank_values=True))
    return {name: value for name, value in words.items() if name not in UNSHOWN}


def serve(venue: LocalVenue) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise each answer waits for an acknowledgement of its headers.
        disable_nagle_algorithm = True
        wbufsize = 65536

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            url = urlsplit(self.path)
            words = words_of(url.query, body)
            request = Request(self.command, url.path, dict(self.headers), words)
            venue.seen.append(request)
            told = venue.answer(request)
            if told == DROPPED:
                self.close_connection = True
                return
            status, content, *headers = told if isinstance(told, tuple) else (200, told)
            text = content if isinstance(content, str) else json.dumps(content)
            kind = "text/html" if isinstance(content, str) else "application/json"
            shown = {"Content-Type": kind} | (headers[0] if headers else {})
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            for name, value in shown.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    venue.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


def expected(venue: str) -> dict[str, str]:
    """The checked-in requests by the title of their scene."""
    path = EXPECTED / f"{venue}.txt"
    scenes = path.read_text().split("== ")[1:] if path.exists() else []
    parts = [scene.partition("\n") for scene in scenes]
    return {title.strip(): requests.strip() for title, _, requests in parts}


def stop_clocks(monkeypatch: Any) -> None:
    """Every room of the venues believes that it is NOW_MS, and nobody waits."""
    for name, module in list(sys.modules.items()):
        if name.startswith("engine.venues.") and hasattr(module, "now_ms"):
            monkeypatch.setattr(module, "now_ms", lambda: NOW_MS)
    for pause in ("CONFIRM_PAUSE_SECONDS", "ABSENT_PAUSE_SECONDS"):
        monkeypatch.setattr(sys.modules["engine.venues.ccxt"], pause, 0)
