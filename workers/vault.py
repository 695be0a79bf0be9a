"""Credentials, opened for one account at a time, and shown nowhere."""

import msgspec
from nacl.public import PrivateKey

from engine.envelope import unseal
from engine.errors import MessageRefused


class Credentials(msgspec.Struct, frozen=True):
    api_key: str
    api_secret: str
    passphrase: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


def open_credentials(sealed: str, *, key: PrivateKey) -> Credentials:
    try:
        return msgspec.json.decode(unseal(sealed, key=key), type=Credentials)
    except msgspec.DecodeError:
        # The decoder's own words could quote the secret.
        raise MessageRefused("the credentials are not what they should be") from None
