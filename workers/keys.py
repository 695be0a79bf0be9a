"""A node's key pair: made on the node, and only its public half leaves."""

import base64
import json
import os
from pathlib import Path
from typing import Annotated

import msgspec
from nacl.public import PrivateKey
from nacl.signing import SigningKey, VerifyKey

Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class KeyFile(msgspec.Struct, frozen=True):
    """The file as it lies on disk; msgspec reads the base64 into bytes."""

    node: str
    seal_private: Key
    sign_private: Key
    centre_verify: Key


class Keys:
    """The keys in hand; their repr tells nothing."""

    def __init__(self, file: KeyFile) -> None:
        self.seal_private = PrivateKey(file.seal_private)
        self.sign_private = SigningKey(file.sign_private)
        self.centre_verify = VerifyKey(file.centre_verify)

    def __repr__(self) -> str:
        return "Keys(…)"


def make_keys(path: Path | str, *, node: str, centre_verify: str) -> tuple[str, str]:
    """Write a new key file, readable by its owner only; the public sealing and verifying keys."""
    VerifyKey(base64.b64decode(centre_verify, validate=True))
    sealing, signing = PrivateKey.generate(), SigningKey.generate()
    content = {
        "node": node,
        "seal_private": text(bytes(sealing)),
        "sign_private": text(bytes(signing)),
        "centre_verify": centre_verify,
    }
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(content, file)
    return text(bytes(sealing.public_key)), text(bytes(signing.verify_key))


def read_keys(path: Path | str, *, node: str) -> Keys:
    """The node's keys, or SystemExit with one line that says what is wrong."""
    try:
        file = msgspec.json.decode(Path(path).read_bytes(), type=KeyFile)
    except (OSError, msgspec.DecodeError) as error:
        raise SystemExit(f"NODE_KEY_FILE {path}: {error}") from None
    if file.node != node:
        raise SystemExit(f"NODE_KEY_FILE {path} belongs to node {file.node}, not to {node}")
    return Keys(file)


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()
