"""A line to a server of this host that can be held, cut, and listened to.

    python -m tests.walks.proxy <port>

says at which port it listens, and reads `hold`, `cut` and `heal` line by line.
"""

import contextlib
import socket
import struct
import subprocess
import sys
import threading

# Closing sends a reset instead of a farewell, as a line does that is cut.
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Passes bytes on to a port until it is told otherwise."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        # Everything that has passed, while somebody listens.
        self.heard: list[bytes] | None = None
        self._passing = threading.Event()
        self._passing.set()
        self._is_cut = False
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return self._listening.getsockname()[1]

    def hold(self) -> None:
        """Nothing passes, and nobody is told."""
        self._passing.clear()

    def cut(self) -> None:
        """Every connection ends at once, and no new one is served."""
        self._is_cut = True
        for pair in list(self._pairs):
            self._end(*pair)

    def heal(self) -> None:
        self._is_cut = False
        self._passing.set()

    def close(self) -> None:
        self._listening.close()
        self.heal()
        self.cut()

    def _accept(self) -> None:
        # Until the listening socket is closed.
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        self._passing.wait()
        try:
            if self._is_cut:
                raise ConnectionRefusedError
            far = socket.create_connection(("127.0.0.1", self.to_port), timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pairs.add((near, far))
        there = threading.Thread(target=self._pump, args=(near, far), daemon=True)
        there.start()
        self._pump(far, near)
        there.join()
        self._end(near, far)
        self._pairs.discard((near, far))

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while chunk := source.recv(65536):
                self._passing.wait()
                if self.heard is not None:
                    self.heard.append(chunk)
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone without a farewell; the other has to learn of it.
            self._end(source, target)

    def _end(self, *ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                # Wakes whoever waits for it; closing alone would not.
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Line:
    """A proxy in a process of its own: what passes it does not wait for what its owner does."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.walks.proxy", str(to_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.port = int(self._process.stdout.readline())

    def hold(self) -> None:
        self._ask("hold")

    def cut(self) -> None:
        self._ask("cut")

    def heal(self) -> None:
        self._ask("heal")

    def close(self) -> None:
        # It ends with what it reads.
        self._process.communicate()

    def _ask(self, what: str) -> None:
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        self._process.stdout.readline()


def main(to_port: int) -> None:
    proxy = Proxy(to_port)
    print(proxy.port, flush=True)
    for line in sys.stdin:
        getattr(proxy, line.strip())()
        print("done", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
