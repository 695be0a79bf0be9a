"""What is told of traders to whoever looks at them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from apps.traders.models import Decision, Sample, Trader
from apps.traders.selectors.books import Held, books_of
from engine.messages import number
from engine.signal import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What was told and answered in one decision, by who said it: system, user, assistant."""

    trader: Trader
    number: int
    at: datetime
    system: str
    user: str
    assistant: str
    mind: str
    reason: str


def public_traders() -> list[Trader]:
    """Everybody's traders that may be seen by everybody, by their codes."""
    rows = Trader.objects.across_tenants().filter(is_public=True)
    return list(rows.select_related("venue_account").order_by("code"))


def samples(
    traders: Iterable[Trader], *, since_hour: int | None = None, since: datetime | None = None
) -> QuerySet[Sample]:
    """What they were worth, oldest first; hours count from when each of them began."""
    rows = Sample.objects.across_tenants().filter(trader__in=[one.pk for one in traders])
    if since_hour is not None:
        rows = rows.filter(hour__gte=since_hour)
    if since is not None:
        rows = rows.filter(at__gte=since)
    return rows.order_by("at", "pk")


def holdings(traders: Iterable[Trader], *, now: datetime) -> dict[int, list[Held]]:
    """What each of them holds, with the plan that it was opened by."""
    return {pk: books.held for pk, books in books_of(traders, now=now).items()}


def held_told(held: Held) -> dict[str, object]:
    """A position as samples keep it; amounts as text."""
    sign = 1 if held.direction is Direction.LONG else -1
    row = held.position or held.shade
    return {
        "id": str(row.pk),
        "quantity": number(sign * held.quantity),
        "leverage": held.leverage,
        "confidence": held.confidence,
        "entry_at": held.opened_at.timestamp(),
        "invalidation": held.invalidation,
        **{
            name: None if value is None else number(value)
            for name, value in (
                ("entry", held.entry),
                ("mark", held.mark),
                ("margin", held.margin),
                ("unrealised", held.unrealised),
                ("realised", held.realised),
                ("fees", held.fees),
                ("stop", held.stop),
                ("target", held.target),
                ("risk", held.risk),
            )
        },
    }


def conversations(traders: Iterable[Trader], limit: int) -> list[Conversation]:
    """The newest decisions of these traders, the newest first."""
    by_id = {one.pk: one for one in traders}
    rows = Decision.objects.across_tenants().filter(trader__in=by_id).order_by("-at", "-pk")
    return [
        Conversation(
            trader=by_id[row.trader_id],
            number=row.number,
            at=row.at,
            system=row.system,
            user=row.user,
            assistant=row.answers[-1]["raw"] if row.answers else "",
            mind=row.mind,
            reason=row.reason,
        )
        for row in rows[:limit]
    ]
