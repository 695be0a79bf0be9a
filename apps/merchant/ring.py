"""The app keys as they are now, in this process: read again when one of them changed.

All of them together, so that a key that does not exist takes as long to look up as one that does.
"""

import ipaddress
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property

from django.utils import timezone

from apps.core import sealed
from apps.core.memory import memory
from apps.quotas.models import TenantPlan
from apps.quotas.services.calls import Allowance
from apps.tenants.models import AppKey, Tenant
from apps.tenants.services import ACCESS

# However a change was missed, it is known after this long.
OLDEST_SECONDS = 5
# When memory began to remember nonces.
BEGAN, FOR_LONG = "began", 50 * 365 * 86400
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, repr=False)
class Key:
    """An app key, with what is asked of it at each call."""

    pk: int
    key: str
    sealed_secret: str
    scopes: frozenset[str]
    networks: Sequence[Network]
    is_legacy: bool
    is_active: bool
    expires_at: datetime | None
    tenant: Tenant
    allowance: Allowance

    @cached_property
    def secret(self) -> str:
        """Opened when it is first needed, and for as long as this ring is used."""
        return sealed.unseal(self.sealed_secret, binding=f"app_key:{self.key}")


@dataclass(frozen=True, slots=True)
class Ring:
    version: int
    # Since when nonces are remembered, in epoch seconds.
    began: int
    keys: dict[str, Key]
    read_at: float


class Keyring:
    def __init__(self) -> None:
        self.ring: Ring | None = None
        self.lock = threading.Lock()

    def now(self) -> Ring:
        ring = self.ring
        if ring is None or time.monotonic() - ring.read_at > OLDEST_SECONDS:
            ring = self.read()
        return ring

    def is_fresh(self, ring: Ring) -> bool:
        return (ring.version, ring.began) == state_of_memory()

    def read(self) -> Ring:
        with self.lock:
            # The version first: what changes meanwhile makes this ring stale, never fresh.
            (version, began), read_at = state_of_memory(), time.monotonic()
            self.ring = Ring(version, began, read_keys(), read_at)
            return self.ring


@cache
def keyring() -> Keyring:
    return Keyring()


def state_of_memory() -> tuple[int, int]:
    """The version of all keys, and since when memory remembers; it begins now if it was lost."""
    found = memory().read([ACCESS, BEGAN])
    if len(found) < 2:
        memory().remember(BEGAN, int(timezone.now().timestamp()), seconds=FOR_LONG)
        if ACCESS not in found:
            memory().stamp(ACCESS)
        found = memory().read([ACCESS, BEGAN])
    return found[ACCESS], found[BEGAN]


def read_keys() -> dict[str, Key]:
    plans = {
        row.tenant_id: Allowance(row.plan.calls_daily, row.plan.calls_monthly)
        for row in TenantPlan.objects.select_related("plan")
    }
    rows = AppKey.objects.across_tenants().select_related("tenant")
    return {
        row.key: Key(
            pk=row.pk,
            key=row.key,
            sealed_secret=row.secret,
            scopes=frozenset(row.scopes),
            networks=[ipaddress.ip_network(network) for network in row.networks],
            is_legacy=row.is_legacy,
            is_active=row.status == AppKey.Status.ACTIVE,
            expires_at=row.expires_at,
            tenant=row.tenant,
            allowance=plans.get(row.tenant_id, Allowance()),
        )
        for row in rows
    }


@cache
def nobody() -> Key:
    """Whom a request with an unknown key is held against: it takes the same steps, and fails."""
    key = secrets.token_hex(16)
    return Key(
        pk=0,
        key=key,
        sealed_secret=sealed.seal(secrets.token_hex(32), binding=f"app_key:{key}"),
        scopes=frozenset(),
        networks=(),
        is_legacy=False,
        is_active=False,
        expires_at=None,
        tenant=Tenant(),
        allowance=Allowance(),
    )
