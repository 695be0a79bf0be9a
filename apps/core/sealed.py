"""Secrets at rest: sealed under a rotating set of keys, bound to what they belong to.

A sealed text is `s1.<key fingerprint>.<nonce and ciphertext>`. The binding (which
tenant, which row, which field) is authenticated with it: a sealed text copied to
another row does not open there.
"""

import base64
import binascii
import hashlib
from functools import cache

from django.conf import settings
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as aead_open,
)
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_encrypt as aead_seal,
)
from nacl.exceptions import CryptoError
from nacl.utils import random

MARK = "s1"
NONCE_BYTES = 24


class CannotOpen(Exception):
    """No key of this host opens the secret, or it belongs elsewhere."""


def seal(secret: str, *, binding: str) -> str:
    """Seal under the current key, for this one place."""
    key, nonce = settings.SEAL_KEYS[0], random(NONCE_BYTES)
    ciphertext = aead_seal(secret.encode(), binding.encode(), nonce, key)
    return f"{MARK}.{fingerprint(key)}.{base64.b64encode(nonce + ciphertext).decode()}"


def unseal(text: str, *, binding: str) -> str:
    mark, _, rest = text.partition(".")
    print_of_key, _, body = rest.partition(".")
    key = next((key for key in settings.SEAL_KEYS if fingerprint(key) == print_of_key), None)
    if mark != MARK or key is None:
        raise CannotOpen("sealed under a key that this host does not have")
    try:
        raw = base64.b64decode(body, validate=True)
        nonce, ciphertext = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
        return aead_open(ciphertext, binding.encode(), nonce, key).decode()
    except (CryptoError, binascii.Error, ValueError, TypeError) as error:
        raise CannotOpen("the secret was changed, or belongs to another row") from error


def is_sealed(text: str) -> bool:
    return text.startswith(f"{MARK}.") and text.count(".") == 2


def reseal(text: str, *, binding: str) -> str:
    """The same secret, sealed under the newest key."""
    return seal(unseal(text, binding=binding), binding=binding)


def is_current(text: str) -> bool:
    """Whether the text is sealed under the newest key; if not, a rotation is due."""
    return text.startswith(current_mark())


def current_mark() -> str:
    """What every text sealed under the newest key begins with."""
    return f"{MARK}.{fingerprint(settings.SEAL_KEYS[0])}."


@cache
def fingerprint(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:12]
