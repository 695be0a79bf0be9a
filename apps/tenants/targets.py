"""Where webhooks may go: to public addresses, looked up here and connected to as they were checked.

A tenant names any host. Without this, its webhook could be made to knock at what only the
platform's own network can reach.
"""

import contextlib
import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from django.conf import settings

from apps.core.errors import BadInput

LONGEST = 500
# To connect, and to greet under TLS; then for the whole of the request and its answer.
CONNECT_SECONDS, ANSWER_SECONDS = 2, 5
# What is routed in IPv6; elsewhere, an address may carry one of IPv4 to where that leads.
ROUTED = ipaddress.ip_network("2000::/3")


class Unreachable(Exception):
    """Nothing was delivered, and why; the next try may do better."""


@dataclass(frozen=True, slots=True)
class Target:
    is_secure: bool
    host: str
    port: int
    path: str


def checked_target(url: str, *, may_be_private: bool = False) -> Target:
    """The parts of an address, or BadInput naming the rule that it breaks.

    The platform's own people may name hosts of their own network; nobody else.
    """
    may_be_private = may_be_private or settings.WEBHOOK_PRIVATE_TARGETS

    def refuse(rule: str) -> BadInput:
        return BadInput(f"not an address for a webhook: {rule}", field="url")

    if not 0 < len(url) <= LONGEST or any(letter <= " " or letter > "~" for letter in url):
        raise refuse(f"it has 1 to {LONGEST} printable characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refuse("its host or port is none") from error
    schemes = ("https", "http") if may_be_private else ("https",)
    if parts.scheme not in schemes:
        raise refuse(f"it begins with {' or '.join(schemes)}://")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise refuse("it has a host, and no user or password")
    if parts.fragment:
        raise refuse("it has no fragment")
    if port is not None and port < 1024 and port not in (80, 443):
        raise refuse("its port is 80, 443 or from 1024 on")
    is_secure = parts.scheme == "https"
    target = Target(
        is_secure,
        parts.hostname,
        port or (443 if is_secure else 80),
        (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )
    try:
        literal = ipaddress.ip_address(target.host)
    except ValueError:
        if target.host.endswith(".") or ("." not in target.host and not may_be_private):
            raise refuse("its host has a full name") from None
    else:
        if not (may_be_private or is_allowed(literal)):
            raise refuse("its host is not a public address")
    return target


def post(
    url: str,
    *,
    headers: dict[str, str],
    body: bytes,
    reads: int = 0,
    may_be_private: bool = False,
    seconds: float | None = None,
) -> tuple[int, bytes]:
    """The status that the endpoint answered with, and as much of its words as is wanted;
    Unreachable where it did not within this time."""
    may_be_private = may_be_private or settings.WEBHOOK_PRIVATE_TARGETS
    try:
        target = checked_target(url, may_be_private=may_be_private)
        # We connect to the address that was checked, whatever the name says a moment later.
        address = resolved(target, may_be_private=may_be_private)
        with connected(target, address) as line:
            allowed = ANSWER_SECONDS if seconds is None else seconds
            return told(line, target, headers=headers, body=body, reads=reads, seconds=allowed)
    except BadInput as error:
        raise Unreachable(error.message) from error
    except (HTTPException, OSError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error


def connected(target: Target, address: str) -> socket.socket:
    line = socket.create_connection((address, target.port), timeout=CONNECT_SECONDS)
    if not target.is_secure:
        return line
    with contextlib.ExitStack() as unless_it_shook_hands:
        unless_it_shook_hands.callback(line.close)
        safe = ssl.create_default_context().wrap_socket(line, server_hostname=target.host)
        unless_it_shook_hands.pop_all()
    return safe


def told(
    line: socket.socket,
    target: Target,
    *,
    headers: dict[str, str],
    body: bytes,
    reads: int,
    seconds: float,
) -> tuple[int, bytes]:
    """Say it and hear the status. Nobody reads more than was wanted, nor follows where it
    points."""
    line.settimeout(seconds)
    is_late = threading.Event()

    def cut() -> None:
        is_late.set()
        # It may have just been closed.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(line, socket.SHUT_RDWR)

    # A time-out holds for each piece: an answer that drips would never end.
    cutting = threading.Timer(seconds, cut)
    cutting.start()
    try:
        talk = HTTPConnection(target.host)
        talk.sock = line
        talk.request("POST", target.path, body, headers | {"Host": host_header(target)})
        response = talk.getresponse()
        status, words = response.status, response.read(reads) if reads else b""
    finally:
        cutting.cancel()
    if is_late.is_set():
        raise TimeoutError("the answer did not end")
    return status, words


def resolved(target: Target, *, may_be_private: bool) -> str:
    """An address of the host; every one it has must be allowed."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{target.host} is not known") from error
    addresses = [place[4][0] for place in found]
    for address in addresses:
        if not (may_be_private or is_allowed(ipaddress.ip_address(address.partition("%")[0]))):
            raise Unreachable(f"{target.host} is not at a public address")
    return addresses[0]


def is_allowed(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address.version == 6 and (address not in ROUTED or address.sixtofour):
        return False
    return address.is_global and not address.is_multicast


def host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    usual = 443 if target.is_secure else 80
    return host if target.port == usual else f"{host}:{target.port}"
