"""The money page: what was issued, charged, shared out and paid, and what is owed."""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.core.exceptions import PermissionDenied
from django.db.models import Case, Sum, When
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.console.dashboard import amount, link, tile
from apps.console.pages import show
from apps.console.selectors import Moved, charged_of_tenants, moved_since
from apps.core.admin import tenant_in_view
from apps.core.scope import rows
from apps.ledger.models import Account, Transfer
from apps.tenants.models import Tenant
from engine.money import ZERO

RANGES = (7, 30, 90)
K, R = Account.Kind, Transfer.Reason
# What the chart draws.
LINES = {
    "issued": (gettext_lazy("Issued"), "#9333ea"),
    "charged": (gettext_lazy("Charged"), "#f59e0b"),
    "rewarded": (gettext_lazy("Rewards to members"), "#10b981"),
    "paid": (gettext_lazy("Paid out"), "#0ea5e9"),
}
# The reason of the transfers that each is of.
OF = {"issued": R.RECHARGE, "charged": R.CHARGE, "rewarded": R.REWARD, "paid": R.PAYOUT}


@dataclass(frozen=True, slots=True)
class Books:
    """Where all points stand now: every one that was issued is in one of the others."""

    issued: Decimal
    tenant_cards: Decimal
    member_cards: Decimal
    spent: Decimal
    pooled: Decimal
    rewards: Decimal
    held: Decimal
    tech: Decimal
    retained: Decimal
    paid: Decimal
    fees: Decimal

    @property
    def owed(self) -> Decimal:
        """What members may ask to be paid, or have asked for."""
        return self.rewards + self.held


def money_page(request):
    if not request.user.has_perm("ledger.view_account"):
        raise PermissionDenied
    tenant, today = tenant_in_view(request), timezone.now().astimezone(UTC).date()
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, RANGES) else RANGES[1]
    since = today - timedelta(days=days - 1)
    held, moved = held_now(tenant), moved_since(since, today, tenant)
    return show(
        request,
        "console/money.html",
        _("Money"),
        tenant_in_view=tenant,
        days=days,
        ranges=RANGES,
        standing=standing(books_in(held)),
        moved=tiles_of(moved),
        chart=chart(moved),
        tenants=None if tenant else by_tenant(held, since),
    )


Held = dict[tuple[int, str, bool], Decimal]


def held_now(tenant: Tenant | None) -> Held:
    """What accounts hold by tenant, kind, and whether they are the tenant's own; in one look."""
    accounts = rows(Account, tenant).order_by()
    own = Case(When(owner__startswith="tenant:", then=True), default=False)
    found = accounts.annotate(own=own).values_list("tenant", "kind", "own")
    return {
        (whose, kind, bool(is_own)): into - out
        for whose, kind, is_own, out, into in found.annotate(Sum("debits"), Sum("credits"))
    }


def books_of(tenant: Tenant | None = None) -> Books:
    return books_in(held_now(tenant))


def books_in(held: Held) -> Books:
    sums: dict[tuple[str, bool], Decimal] = defaultdict(lambda: ZERO)
    for (_tenant, kind, is_own), balance in held.items():
        sums[kind, is_own] += balance
    total = {kind: sums[kind, True] + sums[kind, False] for kind in K.values}
    return Books(
        issued=-total[K.ISSUED],
        tenant_cards=sums[K.SELF, True] + sums[K.GIFT, True],
        member_cards=sums[K.SELF, False] + sums[K.GIFT, False],
        spent=total[K.SPENT],
        pooled=total[K.POOL],
        rewards=total[K.REWARD],
        held=total[K.HELD],
        tech=total[K.TECH],
        retained=total[K.RETAINED],
        paid=total[K.PAID],
        fees=total[K.FEES],
    )


def standing(books: Books) -> list[dict[str, object]]:
    """Tiles of what stands now; each leads to its accounts."""

    def of_kind(title, value: Decimal, kind: str, **query: str) -> dict[str, object]:
        return tile(title, amount(value), "ledger_account", {"kind__exact": kind, **query})

    return [
        of_kind(_("Issued"), books.issued, K.ISSUED),
        of_kind(_("On tenants' cards"), books.tenant_cards, K.SELF, owner__startswith="tenant:"),
        of_kind(_("On members' cards"), books.member_cards, K.SELF, owner__startswith="member:"),
        of_kind(_("Owed to members"), books.owed, K.REWARD),
        of_kind(_("Held for withdrawals"), books.held, K.HELD),
        of_kind(_("Paid out"), books.paid, K.PAID),
        of_kind(_("Withdrawal fees"), books.fees, K.FEES),
        of_kind(_("Platform share"), books.retained, K.RETAINED),
        of_kind(_("Tech share"), books.tech, K.TECH),
        of_kind(_("Gift points spent"), books.spent, K.SPENT),
    ]


def tiles_of(moved: list[Moved]) -> list[dict[str, object]]:
    """Tiles of what moved in the stretch looked at."""
    into = {"created_at__gte": datetime.combine(moved[0].day, time(), tzinfo=UTC).isoformat()}
    pages = {
        **{name: ("ledger_transfer", {"reason__exact": reason}) for name, reason in OF.items()},
        "shortfall": ("pointcards_charge", {"shortfall__gt": "0"}),
    }
    titles = {name: title for name, (title, _color) in LINES.items()}
    titles["shortfall"] = _("Not covered")
    return [
        tile(
            titles[name],
            amount(sum((getattr(day, name) for day in moved), ZERO)),
            page,
            query | into,
        )
        for name, (page, query) in pages.items()
    ]


def chart(moved: list[Moved]) -> str:
    return json.dumps(
        {
            "labels": [day.day.isoformat() for day in moved],
            "datasets": [
                {
                    "label": str(title),
                    "data": [str(getattr(day, name)) for day in moved],
                    "borderColor": color,
                }
                for name, (title, color) in LINES.items()
            ],
        }
    )


def by_tenant(held: Held, since: date) -> dict[str, object]:
    """A line for each tenant: what it holds and owes, and what moved in the stretch."""
    sums: dict[tuple[int, str], Decimal] = defaultdict(lambda: ZERO)
    for (tenant, kind, _is_own), balance in held.items():
        sums[tenant, kind] += balance
    charged = charged_of_tenants(since)
    return {
        "headers": [
            *(_("Tenant"), _("Issued"), _("On cards"), _("Owed to members"), _("Paid out")),
            *(_("Charged"), _("Not covered")),
        ],
        "rows": [
            [
                link("admin:tenants_tenant_change", tenant.pk, str(tenant)),
                amount(-sums[tenant.pk, K.ISSUED]),
                amount(sums[tenant.pk, K.SELF] + sums[tenant.pk, K.GIFT]),
                amount(sums[tenant.pk, K.REWARD] + sums[tenant.pk, K.HELD]),
                amount(sums[tenant.pk, K.PAID]),
                *map(amount, charged.get(tenant.pk, (ZERO, ZERO))),
            ]
            for tenant in Tenant.objects.order_by("name")
        ],
    }
