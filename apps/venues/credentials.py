"""The credentials of venue accounts: sealed at rest, and opened only to seal them to a node."""

import base64
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol

from apps.core import sealed
from apps.core.errors import BadInput
from apps.nodes.models import Node
from apps.venues.models import Venue, VenueAccount
from engine import envelope

log = logging.getLogger(__name__)

LONGEST = 256
SEALED = VenueAccount._meta.get_field("credentials")
# Exchanges whose keys come in three parts.
NEEDS_PASSPHRASE = {Venue.OKX}


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a venue wants to see; its repr tells nothing."""

    api_key: str
    api_secret: str
    passphrase: str = ""


def check(credentials: Credentials, *, venue: str) -> None:
    """Refuse what cannot be a key; the refusal names the field, never the value."""
    for field, value in asdict(credentials).items():
        if not isinstance(value, str) or len(value) > LONGEST:
            raise BadInput(f"{field} is text of at most {LONGEST} characters", field=field)
        if any(letter.isspace() or not letter.isprintable() for letter in value):
            raise BadInput(f"{field} holds a space or an invisible character", field=field)
    for field in ("api_key", "api_secret"):
        if not getattr(credentials, field):
            raise BadInput(f"{field} is missing", field=field)
    if venue in NEEDS_PASSPHRASE and not credentials.passphrase:
        raise BadInput(f"{venue} needs a passphrase", field="passphrase")


def seal_at_rest(credentials: Credentials, *, account: VenueAccount) -> None:
    """Put them into the account's row: copied to another row they do not open."""
    SEALED.seal(account, json.dumps(asdict(credentials)))


def opened(account: VenueAccount) -> Credentials:
    return Credentials(**json.loads(SEALED.unseal(account)))


def sealed_to_nodes(accounts: Iterable[VenueAccount]) -> dict[int, str]:
    """Each account's credentials sealed to its node, by account id.

    An account that cannot be sealed is left out, and the log says why: its orders
    do not leave, and those of the others do. Nothing is kept between two calls.
    """
    sealed_texts: dict[int, str] = {}
    for account in {account.pk: account for account in accounts}.values():
        if secret := secret_for(account, account.node):
            sealed_texts[account.pk] = envelope.seal(secret, to=seal_key_of(account.node))
    return sealed_texts


def seal_key_of(node: Node) -> bytes:
    return base64.b64decode(node.seal_key)


class Sealed(Protocol):
    """What is read of a venue account to open its credentials."""

    id: int
    member_id: int
    venue: str
    label: str
    credentials: str


def secret_for(account: Sealed, node: Node | None) -> bytes | None:
    """What the node is to be given of the account; none where it may not, and the log says why."""
    try:
        if node is None or node.status in Node.NOT_TRUSTED:
            raise sealed.CannotOpen("no node may have its credentials")
        if not account.credentials:
            raise sealed.CannotOpen("it was unbound")
        return SEALED.unseal(account).encode()
    except sealed.CannotOpen as error:
        log.error("venue account %s cannot trade: %s", account.id, error)
        return None
