"""A server on this host that speaks as much of Telegram's Bot API as we ask of it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "123456:" + "a" * 30
NUMBER = 123456


class Telegram:
    def __init__(self) -> None:
        self.port = 0
        self.pending: list[dict] = []
        self.said: list[dict] = []
        self.noted: list[str] = []
        self.asked: list[dict] = []
        self.next_id = 700_000_000
        self.is_away = False
        self.changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def update(self, **told) -> dict:
        with self.changed:
            self.next_id += 1
            made = {"update_id": self.next_id, **told}
            self.pending.append(made)
            self.changed.notify_all()
        return made

    def write(self, text, *, who=42, chat=None, kind="private", at=None, **person) -> dict:
        """A person writes in a chat."""
        return self.update(
            message={
                "message_id": 1,
                "date": int(at or time.time()),
                "chat": {"id": who if chat is None else chat, "type": kind},
                "from": {"id": who, "is_bot": False, "first_name": "Alice", **person},
                "text": text,
            }
        )

    def press(self, data, *, who=42) -> dict:
        """A person presses a button of ours."""
        place = {"id": who, "type": "private"}
        about = {"message_id": 2, "date": 0, "chat": place}
        return self.update(
            callback_query={
                "id": f"press-{self.next_id}",
                "from": {"id": who, "is_bot": False, "first_name": "Alice"},
                "message": about,
                "data": data,
            }
        )

    def answer(self, method: str, asked: dict) -> object:
        if method == "getUpdates":
            return self.updates(asked)
        if method == "sendMessage":
            self.said.append(asked)
            return {"message_id": len(self.said)}
        self.noted.append(asked["callback_query_id"])
        return True

    def updates(self, asked: dict) -> list[dict]:
        self.asked.append(asked)
        with self.changed:
            if "offset" in asked:
                self.pending = [one for one in self.pending if one["update_id"] >= asked["offset"]]
            self.changed.wait_for(lambda: self.pending, timeout=min(asked["timeout"], 2))
            return self.pending[: asked["limit"]]

    @property
    def texts(self) -> list[str]:
        return [one["text"] for one in self.said]


@contextmanager
def telegram() -> Iterator[Telegram]:
    here = Telegram()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            _nothing, who, method = self.path.split("/")
            if here.is_away:
                self.reply(502, b"<html>bad gateway</html>")
            elif who != f"bot{TOKEN}":
                self.reply(401, json.dumps({"ok": False, "error_code": 401}).encode())
            else:
                result = here.answer(method, asked)
                self.reply(200, json.dumps({"ok": True, "result": result}).encode())

        def reply(self, status, body):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nothing on the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
