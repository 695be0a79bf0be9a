"""How long one waits before trying again."""

import secrets
from datetime import timedelta


def wait_before_next(tried: int, *, first_seconds: int, longest_seconds: int) -> timedelta:
    """Twice the wait before, up to the longest, and up to a quarter more by chance: what failed
    together does not all come at the same moment once the other side is back."""
    seconds = min(first_seconds * 2**tried, longest_seconds)
    return timedelta(seconds=seconds + secrets.randbelow(seconds // 4 + 1))
