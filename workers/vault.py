"""Credentials, opened for one account at a time, and shown nowhere."""

from functools import cached_property

import msgspec
from nacl.public import PrivateKey

from engine.envelope import unseal, unseal_under
from engine.errors import MessageRefused
from engine.messages import Ticket


class Credentials(msgspec.Struct, frozen=True):
    api_key: str
    api_secret: str
    passphrase: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


class Opener:
    """Opens what a parcel holds for each of its tickets, when that ticket's turn has come."""

    def __init__(self, sealed_key: str, *, key: PrivateKey) -> None:
        self._sealed_key = sealed_key
        self._key = key

    def open(self, ticket: Ticket) -> Credentials:
        if not self._sealed_key:
            return open_credentials(ticket.sealed_credentials, key=self._key)
        under, place = self._parcel_key, ticket.account
        return decoded(unseal_under(under, ticket.sealed_credentials, place=place))

    @cached_property
    def _parcel_key(self) -> bytes:
        return unseal(self._sealed_key, key=self._key)


def open_credentials(sealed: str, *, key: PrivateKey) -> Credentials:
    return decoded(unseal(sealed, key=key))


def decoded(secret: bytes) -> Credentials:
    try:
        return msgspec.json.decode(secret, type=Credentials)
    except msgspec.DecodeError:
        # The decoder's own words could quote the secret.
        raise MessageRefused("the credentials are not what they should be") from None
