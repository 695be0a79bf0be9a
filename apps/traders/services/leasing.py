"""Who works on a trader: one worker at a time, by a token that is good for a while.

A worker that dies leaves its lease behind; once that has run out, another one takes the trader up.
"""

import secrets
import socket
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.core.deadlocks import retried
from apps.core.errors import Conflict
from apps.traders.models import Trader

BY_HAND = timedelta(minutes=10)


def lease() -> timedelta:
    """For everything beside a call of a model."""
    return timedelta(seconds=settings.TRADER_LEASE_SECONDS)


class Lost(Exception):
    """Another worker has the trader by now: nothing more is done here."""


@retried
@transaction.atomic
def claim(*, trader_id: int, now: datetime) -> Trader | None:
    """The trader, if it is running and nobody works on it; its `lease` is ours then."""
    rows = Trader.objects.across_tenants().select_for_update()
    trader = rows.filter(pk=trader_id, status=Trader.Status.RUNNING).first()
    if trader is None or (trader.leased_until and trader.leased_until > now):
        return None
    if trader.lease:
        trader.skipped_because = "its last worker did not finish"
        trader.skipped += 1
    trader.lease = f"{socket.gethostname()[:40]}:{secrets.token_hex(8)}"
    trader.leased_until = now + lease()
    trader.save(update_fields=["lease", "leased_until", "skipped_because", "skipped"])
    return trader


@retried
@transaction.atomic
def claim_any(*, trader: Trader, now: datetime) -> Trader:
    """The trader whatever it does, for a person's work on it; Conflict while a worker has it."""
    row = Trader.objects.of(trader.tenant_id).select_for_update().get(pk=trader.pk)
    if row.leased_until and row.leased_until > now:
        raise Conflict("the trader is deciding right now: try again", field="trader")
    row.lease = f"{socket.gethostname()[:40]}:{secrets.token_hex(8)}"
    row.leased_until = now + BY_HAND
    row.save(update_fields=["lease", "leased_until"])
    return row


def prolong(trader: Trader, *, until: datetime) -> None:
    """Keep the trader until then, or Lost."""
    rows = Trader.objects.of(trader.tenant_id).filter(pk=trader.pk, lease=trader.lease)
    if rows.update(leased_until=until) != 1:
        raise Lost(trader.code)


def give_back(trader: Trader, **changes: object) -> None:
    """Let others have it, with what became of it; nothing where it is another's by now."""
    rows = Trader.objects.of(trader.tenant_id).filter(~Q(lease=""), pk=trader.pk)
    rows.filter(lease=trader.lease).update(lease="", leased_until=None, **changes)


def refuse_lost(*, trader: Trader, lease: str) -> Trader:
    """The trader's row, locked, while it is ours; Lost otherwise."""
    rows = Trader.objects.of(trader.tenant_id).select_for_update()
    row = rows.filter(pk=trader.pk, lease=lease).first()
    if row is None:
        raise Lost(trader.code)
    return row
