"""Local receivers of alerts: what they heard, and what they answer."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Mails(socketserver.ThreadingTCPServer):
    """As much of SMTP as a client needs to leave a mail."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.heard: list[str] = []
        self.refuses = False

    @property
    def port(self) -> int:
        return self.server_address[1]


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("220 here")
        while line := self.rfile.readline():
            word = line.decode().split()[0].upper()
            if word == "DATA":
                self.say("354 go on")
                self.server.heard.append(self.mail())
                self.say("250 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            elif word == "RCPT" and self.server.refuses:
                self.say("550 nobody here")
            else:
                self.say("250 well")

    def mail(self) -> str:
        lines = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line)
        return "\n".join(lines)

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def mails() -> Iterator[Mails]:
    with Mails() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
