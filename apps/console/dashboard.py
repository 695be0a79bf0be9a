"""The admin's home: what trades, what it earned, and what needs a person."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.console import selectors
from apps.console.trace import plain
from apps.core.admin import rows_link, tenant_in_view
from apps.ledger.models import Account
from apps.monitoring.models import Pulse
from apps.orders.models import Order
from engine.money import points

RANGES = (7, 30, 90)
DAY = timedelta(days=1)
K = Account.Kind
# What moved: its title, its colour in the chart, and the list and lookups of its rows.
MONEY = {
    "issued": (
        gettext_lazy("Issued"),
        *("#9333ea", "ledger_transfer", {"debit__kind__exact": K.ISSUED.value}),
    ),
    "charged": (
        gettext_lazy("Charged"),
        *("#f59e0b", "ledger_transfer", {"reason__exact": "charge"}),
    ),
    "rewarded": (
        gettext_lazy("Rewards to members"),
        *("#10b981", "ledger_transfer"),
        {"debit__kind__exact": K.POOL.value, "credit__kind__exact": K.REWARD.value},
    ),
    "withdrawn": (
        gettext_lazy("Withdrawn"),
        *("#0ea5e9", "ledger_transfer", {"reason__in": "payout,fee"}),
    ),
    "shortfall": (
        gettext_lazy("Not covered"),
        *("#ef4444", "pointcards_charge", {"shortfall__gt": "0"}),
    ),
    "profit": (gettext_lazy("Net profit"), "#6366f1", "positions_close", {}),
}
FUNNEL = {
    "signals": (gettext_lazy("Signals"), "signals_signal", {}),
    "tickets": (gettext_lazy("Tickets"), "orders_ticket", {}),
    "orders": (gettext_lazy("Orders"), "orders_order", {}),
    "filled": (gettext_lazy("Filled"), "orders_order", {"status__exact": "filled"}),
    "closes": (gettext_lazy("Closes"), "positions_close", {}),
    "rewards": (gettext_lazy("Rewards"), "rewards_reward", {}),
}
WAITING = {
    "pending": (
        gettext_lazy("Withdrawals to decide"),
        *("rewards_withdrawal", {"status__exact": "pending"}),
    ),
    "approved": (
        gettext_lazy("Withdrawals to pay"),
        *("rewards_withdrawal", {"status__exact": "approved"}),
    ),
    "parked": (gettext_lazy("Parked tickets"), "orders_ticket", {"status__exact": "parked"}),
    "unknown": (gettext_lazy("Unknown tickets"), "orders_ticket", {"status__exact": "unknown"}),
    "failed": (gettext_lazy("Failed closes"), "positions_close", {"status__exact": "failed"}),
    "drifting": (gettext_lazy("Drifting accounts"), "venues_venueaccount", {"drifting": "yes"}),
    "unprotected": (
        gettext_lazy("Unprotected positions"),
        *("positions_position", {"status__exact": "open", "unprotected_because__gt": ""}),
    ),
    "halted": (
        gettext_lazy("Halted makers"),
        *("market_making_session", {"status__exact": "halted"}),
    ),
    "stuck": (gettext_lazy("Traders in error"), "traders_trader", {"status__exact": "error"}),
    "refused": (gettext_lazy("Refused messages"), "core_refusedmessage", {}),
}
AT_WORK = {
    "makers": (
        gettext_lazy("Makers running"),
        *("market_making_session", {"status__exact": "running"}),
    ),
    "traders": (
        gettext_lazy("AI traders running"),
        *("traders_trader", {"status__exact": "running"}),
    ),
}


def dashboard(request, context):
    """Everything that `templates/admin/index.html` shows."""
    now, tenant = timezone.now(), tenant_in_view(request)
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, RANGES) else RANGES[0]
    today = now.astimezone(UTC).date()
    moved = selectors.moved_since(today - (days - 1) * DAY, today, tenant)
    nodes = list(selectors.nodes(tenant))
    waiting = selectors.waiting_for_a_person(today, tenant)
    context.update(
        title=_("Dashboard"),
        tenant_in_view=tenant,
        tenants=[] if request.user.tenant_id else selectors.tenants(),
        days=days,
        ranges=RANGES,
        tiles=[*money_tiles(moved[-1]), *standing_tiles(moved[-1], tenant)],
        # From a full minute: what leads there stays the same while that lasts.
        funnel=funnel_tiles((now - timedelta(hours=1)).replace(second=0, microsecond=0), tenant),
        orders=orders_tiles(selectors.orders_by_status(tenant)),
        waiting=tiles_of(WAITING, {name: count for name, count in waiting.items() if count}),
        chart=chart(moved, ["issued", "charged", "rewarded", "withdrawn"]),
        profits=chart(moved, ["profit", "shortfall"]),
        moved=moved_table(moved),
        by_strategy=strategies_table(selectors.profit_by_strategy(moved[0].day, tenant), moved[0]),
        nodes=nodes_table(nodes, now),
        signals=signals_table(selectors.latest_signals(tenant)),
        rewards=rewards_table(selectors.latest_rewards(tenant)),
    )
    if tenant is None:
        context.update(
            by_tenant=tenants_table(selectors.profit_by_tenant(moved[0].day), moved[0]),
            queues=queues_table(selectors.queues(nodes), now),
            alerts=alerts_table(selectors.firing_alerts()),
        )
    return context


def tile(
    title, value, page: str, query: dict[str, str] | None = None, note: str = ""
) -> dict[str, object]:
    """A number that leads to its rows."""
    address = reverse(f"admin:{page}_changelist")
    return {
        "title": title,
        "value": value,
        "href": f"{address}?{urlencode(query or {})}",
        "note": note,
    }


def tiles_of(described: dict[str, tuple], values: dict[str, int]) -> list[dict[str, object]]:
    return [
        tile(title, values[name], page, query)
        for name, (title, page, query) in described.items()
        if name in values
    ]


def within(day: date, days: int = 1) -> dict[str, str]:
    """The lookups of what was made on these days; they are UTC's."""
    since = datetime.combine(day, time(), tzinfo=UTC)
    return {
        "created_at__gte": since.isoformat(),
        "created_at__lt": (since + days * DAY).isoformat(),
    }


def money_tiles(today: selectors.Moved) -> list[dict[str, object]]:
    return [
        tile(title, amount(getattr(today, name)), page, query | within(today.day), _("today"))
        for name, (title, _color, page, query) in MONEY.items()
    ]


def standing_tiles(today: selectors.Moved, tenant) -> list[dict[str, object]]:
    return [
        tile(_("Equity under management"), amount(today.equity), "venues_venueaccount"),
        tile(
            _("Open positions"),
            selectors.open_positions(tenant),
            "positions_position",
            {"status__exact": "open"},
        ),
        *tiles_of(AT_WORK, selectors.at_work(tenant)),
    ]


def funnel_tiles(since: datetime, tenant) -> list[dict[str, object]]:
    counts = selectors.funnel_since(since, tenant)
    took = selectors.steps_taken(since, tenant)
    lookup = {"created_at__gte": since.isoformat()}
    return [
        tile(title, counts[name], page, query | lookup, pace(took.get(name)))
        for name, (title, page, query) in FUNNEL.items()
    ]


def pace(step: selectors.Step | None) -> str:
    """How long a step took, where there is anything to tell."""
    if step is None:
        return ""
    told = {"median": step.median_ms, "p95": step.p95_ms}
    return _("median %(median)s ms, p95 %(p95)s ms") % told


def orders_tiles(
    counts: dict[str, int], own: dict[str, object] | None = None
) -> list[dict[str, object]]:
    return [
        tile(title, counts[status], "orders_order", {"status__exact": status, **(own or {})})
        for status, title in Order.STATUSES
        if counts.get(status)
    ]


def amount(value) -> str:
    return f"{points(value):,.2f}"


def chart(moved: Iterable[selectors.Moved], names: list[str]) -> str:
    moved = list(moved)
    return json.dumps(
        {
            "labels": [row.day.isoformat() for row in moved],
            "datasets": [
                {
                    "label": str(MONEY[name][0]),
                    "data": [str(getattr(row, name)) for row in moved],
                    "borderColor": MONEY[name][1],
                }
                for name in names
            ],
        }
    )


def moved_table(
    moved: list[selectors.Moved], own: dict[str, object] | None = None
) -> dict[str, object]:
    """Day by day, the latest first; each number leads to its rows."""
    return {
        "headers": [_("Day"), *(title for title, *_rest in MONEY.values())],
        "rows": [
            [
                row.day.isoformat(),
                *(
                    rows_link(page, amount(value), **query, **within(row.day), **(own or {}))
                    if (value := getattr(row, name))
                    else "–"
                    for name, (_title, _color, page, query) in MONEY.items()
                ),
            ]
            for row in reversed(moved)
        ],
    }


def strategies_table(sums, first: selectors.Moved) -> dict[str, object]:
    lookup = "position__subscription__tenant_strategy__strategy__id__exact"
    since = {"created_at__gte": within(first.day)["created_at__gte"]}
    return {
        "headers": [_("Strategy"), _("Closes"), _("Net profit")],
        "rows": [
            [
                str(strategy),
                rows_link("positions_close", count, **since, **{lookup: strategy.pk}),
                amount(total),
            ]
            for strategy, count, total in sums
        ],
    }


def tenants_table(sums, first: selectors.Moved) -> dict[str, object]:
    since = {"created_at__gte": within(first.day)["created_at__gte"]}
    return {
        "headers": [_("Tenant"), _("Closes"), _("Net profit")],
        "rows": [
            [
                link("admin:tenants_tenant_change", tenant.pk, str(tenant)),
                rows_link("positions_close", count, **since, tenant__id__exact=tenant.pk),
                amount(total),
            ]
            for tenant, count, total in sums
        ],
    }


def queues_table(waiting: dict[str, int] | None, now) -> dict[str, object] | None:
    """How long each queue is, and when a message last came through it."""
    if waiting is None:
        return None
    pulses = dict(Pulse.objects.filter(name__in=waiting).values_list("name", "at"))
    return {
        "headers": [_("Queue"), _("Waiting"), _("Alive")],
        "rows": [
            [name, count, age(now - pulses[name]) if name in pulses else "–"]
            for name, count in waiting.items()
        ],
    }


def alerts_table(alerts) -> dict[str, object]:
    shown = alerts[:8]
    return {
        "headers": [_("Since"), _("Alert"), _("Severity")],
        "rows": [
            [
                moment(alert.created_at),
                link("admin:monitoring_alert_change", alert.pk, str(alert)),
                alert.get_severity_display(),
            ]
            for alert in shown
        ],
    }


def nodes_table(nodes, now) -> dict[str, object]:
    silent_after = timedelta(seconds=settings.NODE_SILENT_SECONDS)
    lines = []
    for node in nodes:
        heard = node.last_heartbeat_at
        alive = heard is not None and now - heard <= silent_after
        lines.append(
            [
                link("admin:nodes_node_change", node.pk, node.code),
                node.get_status_display(),
                _("alive") if alive else _("silent"),
                age(now - heard) if heard else _("never"),
                node.running,
            ]
        )
    return {
        "headers": [_("Node"), _("Status"), _("Heartbeat"), _("Heard"), _("In hand")],
        "rows": lines,
    }


def age(passed: timedelta) -> str:
    """How long ago, in seconds as long as those matter."""
    seconds = int(passed.total_seconds())
    told = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
    return _("%(time)s ago") % {"time": told}


def moment(at) -> str:
    return timezone.localtime(at).strftime("%H:%M:%S")


def signals_table(signals) -> dict[str, object]:
    return {
        "headers": [_("At"), _("Signal"), _("Price"), _("Status")],
        "rows": [
            [
                moment(signal.created_at),
                link("console:trace", signal.pk, str(signal)),
                plain(signal.price),
                signal.get_status_display(),
            ]
            for signal in signals
        ],
    }


def rewards_table(rewards) -> dict[str, object]:
    return {
        "headers": [_("At"), _("Reward"), _("Member"), _("Amount")],
        "rows": [
            [
                moment(reward.created_at),
                link("console:trace", reward.pk, reward.get_kind_display()),
                str(reward.member),
                plain(reward.amount),
            ]
            for reward in rewards
        ],
    }


def link(page: str, key, text: str):
    return format_html('<a class="text-link" href="{}">{}</a>', reverse(page, args=[key]), text)
