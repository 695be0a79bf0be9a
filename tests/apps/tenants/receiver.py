"""A tenant's own server, as far as webhooks see it: what it was sent, and what it answers next."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Receiver:
    def __init__(self, port: int) -> None:
        self.port = port
        self.heard: list[tuple[dict[str, str], bytes]] = []
        # Status and headers of the answers to come; the last one stays.
        self.answers: list[tuple[int, dict[str, str]]] = [(200, {})]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?of=acme"


@contextmanager
def receiving(certificate: Path | None = None) -> Iterator[Receiver]:
    """A server of its own on this host, under TLS where it has a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.heard.append((dict(self.headers), body))
            status, headers = (
                receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            """Nothing on the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
