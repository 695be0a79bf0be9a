"""Typed readers for the environment: a wrong or missing value stops the start, by name.

A value may also come from a file: SECRET_KEY_FILE names a file that holds SECRET_KEY.
"""

import base64
import binascii
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

T = TypeVar("T")
REQUIRED: object = object()


class Reader:
    """Reads one environment; every value passes through a function that may refuse it."""

    def __init__(self, file: Path | None = None) -> None:
        class Copied(environ.FileAwareEnv):
            # A copy, so that what the file holds is not handed to every process we start.
            ENVIRON = FileAwareMapping(env=dict(os.environ))

        self.values = Copied.ENVIRON
        if file and file.exists():
            Copied.read_env(str(file))

    def read(self, name: str, convert: Callable[[str], T], default: object = REQUIRED) -> T:
        try:
            # Taken as it stands: a password may begin with a dollar sign.
            raw = self.values.get(name, "").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: {error}") from error
        if raw == "":
            if default is REQUIRED:
                raise ImproperlyConfigured(f"{name} is not set")
            return default  # type: ignore[return-value]
        try:
            return convert(raw)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {error}") from error

    def text(self, name: str, default: object = REQUIRED) -> str:
        return self.read(name, str, default)

    def flag(self, name: str, default: object = REQUIRED) -> bool:
        return self.read(name, to_flag, default)

    def whole(self, name: str, default: object = REQUIRED, *, least: int = 0) -> int:
        def convert(raw: str) -> int:
            if not raw.isdigit() or int(raw) < least:
                raise ValueError(f"{raw!r} is not a whole number of at least {least}")
            return int(raw)

        return self.read(name, convert, default)

    def words(self, name: str, default: object = REQUIRED) -> list[str]:
        return self.read(name, to_words, default)

    def keys(self, name: str, default: object = REQUIRED) -> list[bytes]:
        """Comma-separated base64 keys of 32 bytes; the first one is the current one."""
        return self.read(name, to_keys, default)


def to_flag(raw: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if raw.lower() not in known:
        raise ValueError(f"{raw!r} is neither true nor false")
    return known[raw.lower()]


def to_time_zone(raw: str) -> str:
    try:
        return ZoneInfo(raw).key
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"{raw!r} is no time zone") from error


def to_words(raw: str) -> list[str]:
    return [word.strip() for word in raw.split(",") if word.strip()]


def to_keys(raw: str) -> list[bytes]:
    keys = [to_key(word) for word in to_words(raw)]
    if not keys:
        raise ValueError("there is no key in it")
    return keys


def to_key(raw: str) -> bytes:
    try:
        key = base64.b64decode(raw, validate=True)
    except binascii.Error as error:
        raise ValueError("a key is not base64") from error
    if len(key) != 32:
        raise ValueError(f"a key has {len(key)} bytes, not 32")
    return key
