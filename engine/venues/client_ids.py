"""Our client order ids as each venue takes them: the same id always gives the same name.

An order that may have been sent is found again by its id alone, from any host
and after any restart, so nothing here may depend on memory or chance. Where a
venue's form has room for it, our id can be read back out of the venue's.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import VenueRefused

# What the centre makes: `ib` and 15 bytes in base32.
STANDARD = re.compile(r"ib[a-z2-7]{24}\Z")
OURS = re.compile(r"ib[A-Za-z0-9]+\Z")
# The first byte of an id at Hyperliquid: what the other fifteen are.
WHOLE, HASHED = 0x1B, 0x1C
# GRVT asks programs to keep to the upper half of 64 bits; the lower half is its own pages'.
UPPER_HALF = 1 << 63


@dataclass(frozen=True, slots=True)
class Form:
    """How a venue wants the id, and how to read ours back; "" for an order that is not ours."""

    pattern: re.Pattern[str]
    write: Callable[[str], str]
    read: Callable[[str], str]


def as_it_is(client_order_id: str) -> str:
    return client_order_id


def own(told: str) -> str:
    return told if OURS.match(told) else ""


def with_mark(client_order_id: str) -> str:
    return f"t-{client_order_id}"


def without_mark(told: str) -> str:
    return own(told[2:]) if told.startswith("t-") else ""


def as_16_bytes(client_order_id: str) -> str:
    """One byte of ours and the fifteen of the id; an id of another make is hashed to fifteen."""
    if STANDARD.match(client_order_id):
        return f"0x{WHOLE:02x}" + base64.b32decode(client_order_id[2:].upper()).hex()
    return f"0x{HASHED:02x}" + hashlib.sha256(client_order_id.encode()).hexdigest()[:30]


def from_16_bytes(told: str) -> str:
    if not re.match(rf"0x{WHOLE:02x}[0-9a-f]{{30}}\Z", told):
        return ""
    return "ib" + base64.b32encode(bytes.fromhex(told[4:])).decode().lower()


def as_number(client_order_id: str) -> str:
    """63 bits of a hash, in the upper half. Ours cannot be read back out of it."""
    digest = hashlib.sha256(client_order_id.encode()).digest()
    return str(UPPER_HALF + int.from_bytes(digest[:8], "big") % UPPER_HALF)


def as_told(told: str) -> str:
    """The venue's own number: whoever asks compares it with the written form of an id."""
    return told if told.isdecimal() and int(told) >= UPPER_HALF else ""


FORMS = {
    "paper": Form(re.compile(r"[A-Za-z0-9]{1,64}\Z"), as_it_is, own),
    "binance": Form(re.compile(r"[A-Za-z0-9.:/_-]{1,36}\Z"), as_it_is, own),
    "okx": Form(re.compile(r"[A-Za-z0-9]{1,32}\Z"), as_it_is, own),
    # The first letter after the mark may not be a t.
    "gate": Form(re.compile(r"t-(?!t)[A-Za-z0-9_.-]{1,28}\Z"), with_mark, without_mark),
    "hyperliquid": Form(re.compile(r"0x[0-9a-f]{32}\Z"), as_16_bytes, from_16_bytes),
    "grvt": Form(re.compile(r"[0-9]{19,20}\Z"), as_number, as_told),
}


def takes_numbers(venue: str) -> bool:
    """Whether its ids are numbers, and nothing else."""
    return FORMS[venue].read is as_told


def at_venue(venue: str, client_order_id: str) -> str:
    """The id as the venue takes it; refused where it would not, before anything is sent.

    The centre keeps ids as they are sent: one of ours in the venue's form stays as it is.
    """
    form = FORMS[venue]
    if form.read(client_order_id) and form.pattern.match(client_order_id):
        return client_order_id
    written = form.write(client_order_id)
    if not form.pattern.match(written):
        raise VenueRefused(f"{venue} does not take the client order id {client_order_id}")
    return written


def read_back(venue: str, told: str) -> str:
    """Our id out of the venue's; empty where the order is not ours."""
    return FORMS[venue].read(told)


def made_of(cause: str) -> str:
    """A name for something that is no ticket's order, such as a stop; never looked up by it."""
    return "ib" + base64.b32encode(hashlib.sha256(cause.encode()).digest()[:15]).decode().lower()
