"""Addresses that withdrawals go to: money sent to a mistyped one is gone, so each is checked.

A Tron address carries a checksum in its base58; an Ethereum one carries it in the case of
its letters, and is refused where it has none to check.
"""

import hashlib
import re

from Crypto.Hash import keccak

from apps.core.errors import BadInput
from apps.rewards.models import Withdrawal

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
TRON = re.compile(rf"T[{ALPHABET}]{{33}}")
ETHEREUM = re.compile(r"0x[0-9a-fA-F]{40}")
TRON_PREFIX = 0x41
NOBODY = "it is the address of zeros, which nobody has the key of"
N = Withdrawal.Network
# The name of a payment on each network.
HASHES = {
    N.TRC20: re.compile(r"[0-9a-f]{64}"),
    N.ERC20: re.compile(r"0x[0-9a-f]{64}"),
    N.BEP20: re.compile(r"0x[0-9a-f]{64}"),
}


def checked_address(*, network: str, address: str) -> str:
    """The address, if it is one of this network; else BadInput names the field and the rule."""
    address = address.strip()
    if network not in N.values:
        raise BadInput(f"a network is one of {', '.join(N.values)}", field="network")
    problem = wrong_tron(address) if network == N.TRC20 else wrong_ethereum(address)
    if problem:
        raise BadInput(f"not an address of {network}: {problem}", field="address")
    return address


def checked_hash(*, network: str, tx_hash: str) -> str:
    """The name of a payment, in small letters, if it has the shape that this network gives."""
    tx_hash = tx_hash.strip().lower()
    if not HASHES[N(network)].fullmatch(tx_hash):
        raise BadInput(f"not a transaction hash of {network}", field="tx_hash")
    return tx_hash


def wrong_tron(address: str) -> str | None:
    if not TRON.fullmatch(address):
        return "it has T and 33 letters and digits, without 0, O, I and l"
    number = 0
    for letter in address:
        number = number * len(ALPHABET) + ALPHABET.index(letter)
    raw = number.to_bytes(25, "big")
    body, checksum = raw[:-4], raw[-4:]
    twice = hashlib.sha256(hashlib.sha256(body).digest()).digest()
    if body[0] != TRON_PREFIX or checksum != twice[:4]:
        return "its checksum is wrong, so a letter is"
    return None if any(body[1:]) else NOBODY


def wrong_ethereum(address: str) -> str | None:
    if not ETHEREUM.fullmatch(address):
        return "it has 0x and 40 hexadecimal digits"
    if address != checksummed(address):
        return "the case of its letters is its checksum, and does not fit"
    return None if int(address, 16) else NOBODY


def checksummed(address: str) -> str:
    """The address with the case of its letters as the checksum wants them (EIP-55)."""
    digits = address[2:].lower()
    told = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    cased = (
        digit.upper() if int(check, 16) >= 8 else digit
        for digit, check in zip(digits, told, strict=False)
    )
    return "0x" + "".join(cased)
