"""Anchors: the end of the audit trail, written down where the database cannot reach.

Each line of the file is `number hash`. Whoever cuts the trail short, or writes it
anew with the key in hand, leaves lines that no longer hold. The file belongs on
another host, or on storage that only takes appends.
"""

import os
import re
from pathlib import Path

from apps.core.audit import Breach
from apps.core.models import AuditEntry, AuditHead

LINE = re.compile(r"(\d+) ([0-9a-f]{64})")


class BadAnchor(Exception):
    """A line of the file is no anchor: nothing is appended until a person has looked."""


def read(path: Path) -> list[tuple[int, str]]:
    lines = path.read_text().splitlines() if path.exists() else []
    found = [LINE.fullmatch(line) for line in lines]
    for place, match in enumerate(found, start=1):
        if match is None:
            raise BadAnchor(f"line {place} of {path} is not `number hash`")
    return [(int(match[1]), match[2]) for match in found]


def find_broken(anchors: list[tuple[int, str]]) -> Breach | None:
    """The first anchor that the trail no longer holds to, or None."""
    numbers = [number for number, _hash in anchors]
    hashes = dict(AuditEntry.objects.filter(number__in=numbers).values_list("number", "hash"))
    for number, told in sorted(anchors):
        if number not in hashes:
            return Breach(number, "the entry was anchored and is missing")
        if hashes[number] != told:
            return Breach(number, "the entry is not the one that was anchored")
    return None


def append(path: Path, anchors: list[tuple[int, str]]) -> tuple[int, str] | None:
    """Write the present end of the trail down, on disk before this returns."""
    head = AuditHead.objects.filter(pk=1).first()
    if head is None or head.number == 0 or (head.number, head.hash) in anchors:
        return None
    with path.open("a") as file:
        file.write(f"{head.number} {head.hash}\n")
        file.flush()
        os.fsync(file.fileno())
    return head.number, head.hash
