"""The money page: what was issued, charged, shared out and paid, and what is owed."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.console.dashboard import amount, link, tile
from apps.console.pages import show
from apps.console.selectors import rows
from apps.core.admin import tenant_in_view
from apps.ledger.models import Account, Transfer
from apps.pointcards.models import Charge
from apps.tenants.models import Tenant
from engine.money import ZERO

RANGES = (7, 30, 90)
K, R = Account.Kind, Transfer.Reason
# What the chart draws, each from the transfers of one reason into or out of these accounts.
LINES = {
    "issued": (gettext_lazy("Issued"), "#9333ea"),
    "charged": (gettext_lazy("Charged"), "#f59e0b"),
    "rewarded": (gettext_lazy("Rewards to members"), "#10b981"),
    "paid": (gettext_lazy("Paid out"), "#0ea5e9"),
}


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
    tenant, now = tenant_in_view(request), timezone.now()
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, RANGES) else RANGES[1]
    since = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    books = books_of(tenant)
    return show(
        request,
        "console/money.html",
        _("Money"),
        tenant_in_view=tenant,
        days=days,
        ranges=RANGES,
        standing=standing(books),
        moved=moved(since, tenant, days),
        chart=chart(over_time(since, tenant), since.date(), days),
        tenants=None if tenant else by_tenant(since),
    )


def books_of(tenant: Tenant | None = None) -> Books:
    """The balance of every kind of account, in one statement."""
    accounts = rows(Account, tenant).order_by()
    sums: dict[tuple[str, bool], Decimal] = defaultdict(lambda: ZERO)
    for of_tenant in (True, False):
        own = {"owner__startswith": "tenant:"}
        found = accounts.filter(**own) if of_tenant else accounts.exclude(**own)
        for kind, out, into in found.values_list("kind").annotate(Sum("debits"), Sum("credits")):
            sums[kind, of_tenant] = into - out
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


def moved(since: datetime, tenant: Tenant | None, days: int) -> list[dict[str, object]]:
    """Tiles of what moved in the stretch looked at."""
    sums = dict.fromkeys(LINES, ZERO)
    for _day, line, total in over_time(since, tenant):
        sums[line] += total
    short = rows(Charge, tenant).filter(created_at__gte=since, shortfall__gt=0)
    shortfall = short.aggregate(total=Sum("shortfall"))["total"] or ZERO
    into = {"created_at__gte": since.isoformat()}
    pages = {"issued": R.RECHARGE, "charged": R.CHARGE, "rewarded": R.REWARD, "paid": R.PAYOUT}
    return [
        *(
            tile(
                LINES[line][0],
                amount(sums[line]),
                "ledger_transfer",
                {"reason__exact": reason, **into},
            )
            for line, reason in pages.items()
        ),
        tile(
            _("Not covered"),
            amount(shortfall),
            "pointcards_charge",
            {"shortfall__gt": "0", **into},
        ),
    ]


def over_time(since: datetime, tenant: Tenant | None) -> Iterable[tuple[date, str, Decimal]]:
    """Day, line and sum of what moved since then, in one statement."""
    transfers = rows(Transfer, tenant).filter(created_at__gte=since).order_by()
    by_day = transfers.annotate(day=TruncDate("created_at"))
    sums = by_day.values_list("day", "reason", "debit__kind", "credit__kind").annotate(
        Sum("amount")
    )
    for day, reason, debit, credit, total in sums:
        line = line_of(reason, debit, credit)
        if line:
            yield day, line, total


def line_of(reason: str, debit: str, credit: str) -> str | None:
    """Which line of the chart a transfer belongs to."""
    if debit == K.ISSUED:
        return "issued"
    if reason == R.CHARGE:
        return "charged"
    if reason == R.REWARD and credit == K.REWARD:
        return "rewarded"
    return "paid" if reason == R.PAYOUT else None


def chart(moved: Iterable[tuple[date, str, Decimal]], first: date, days: int) -> str:
    sums: dict[tuple[date, str], Decimal] = defaultdict(lambda: ZERO)
    for day, line, total in moved:
        sums[day, line] += total
    every = [first + timedelta(days=number) for number in range(days)]
    return json.dumps(
        {
            "labels": [day.isoformat() for day in every],
            "datasets": [
                {
                    "label": str(title),
                    "data": [str(sums[day, line]) for day in every],
                    "borderColor": color,
                }
                for line, (title, color) in LINES.items()
            ],
        }
    )


def by_tenant(since: datetime) -> dict[str, object]:
    """A line for each tenant: what it holds and owes, and what moved in the stretch."""
    held: dict[tuple[int, str], Decimal] = defaultdict(lambda: ZERO)
    accounts = Account.objects.across_tenants().order_by()
    for tenant, kind, out, into in accounts.values_list("tenant", "kind").annotate(
        Sum("debits"), Sum("credits")
    ):
        held[tenant, kind] = into - out
    charges = Charge.objects.across_tenants().filter(created_at__gte=since).order_by()
    charged = {
        tenant: (own + gift, short)
        for tenant, own, gift, short in charges.values_list("tenant").annotate(
            Sum("from_self"), Sum("from_gift"), Sum("shortfall")
        )
    }
    return {
        "headers": [
            *(_("Tenant"), _("Issued"), _("On cards"), _("Owed to members"), _("Paid out")),
            *(_("Charged"), _("Not covered")),
        ],
        "rows": [
            [
                link("admin:tenants_tenant_change", tenant.pk, str(tenant)),
                amount(-held[tenant.pk, K.ISSUED]),
                amount(held[tenant.pk, K.SELF] + held[tenant.pk, K.GIFT]),
                amount(held[tenant.pk, K.REWARD] + held[tenant.pk, K.HELD]),
                amount(held[tenant.pk, K.PAID]),
                *map(amount, charged.get(tenant.pk, (ZERO, ZERO))),
            ]
            for tenant in Tenant.objects.order_by("name")
        ],
    }
