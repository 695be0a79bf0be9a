"""The admin's home: what trades, what it earned, and what needs a person."""

import json
from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.console import selectors
from apps.console.trace import plain
from apps.core.admin import tenant_in_view
from engine.money import points

FUNNEL = {
    "signals": (gettext_lazy("Signals"), "signals_signal"),
    "tickets": (gettext_lazy("Tickets"), "orders_ticket"),
    "orders": (gettext_lazy("Orders"), "orders_order"),
    "filled": (gettext_lazy("Filled"), "orders_order"),
    "closes": (gettext_lazy("Closes"), "positions_close"),
    "rewards": (gettext_lazy("Rewards"), "rewards_reward"),
}
WAITING = {
    "parked": (gettext_lazy("Parked tickets"), "orders_ticket", {"status__exact": "parked"}),
    "unknown": (gettext_lazy("Unknown tickets"), "orders_ticket", {"status__exact": "unknown"}),
    "failed": (gettext_lazy("Failed closes"), "positions_close", {"status__exact": "failed"}),
    "refused": (gettext_lazy("Refused messages"), "core_refusedmessage", {}),
}


def dashboard(request, context):
    """Everything that `templates/admin/index.html` shows."""
    now, tenant = timezone.now(), tenant_in_view(request)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    money = selectors.money_since(today, tenant)
    funnel = selectors.funnel_since(now - timedelta(hours=1), tenant)
    waiting = selectors.waiting_for_a_person(tenant)
    context.update(
        title=_("Dashboard"),
        tenant_in_view=tenant,
        tenants=[] if request.user.tenant_id else selectors.tenants(),
        tiles=[
            tile(_("Realised today"), amount(money.realized), "positions_close"),
            tile(_("Charged today"), amount(money.charged), "pointcards_charge"),
            tile(_("Shared out today"), amount(money.rewarded), "rewards_reward"),
            tile(_("Not covered today"), amount(money.shortfall), "pointcards_charge"),
            tile(
                _("Open positions"),
                selectors.open_positions(tenant),
                "positions_position",
                {"status__exact": "open"},
            ),
        ],
        funnel=[tile(FUNNEL[step][0], funnel[step], FUNNEL[step][1]) for step in FUNNEL],
        waiting=[
            tile(title, waiting[what], page, query)
            for what, (title, page, query) in WAITING.items()
            if waiting[what]
        ],
        chart=chart(selectors.profit_over_time(now, tenant)),
        nodes=nodes_table(now),
        signals=signals_table(selectors.latest_signals(tenant)),
        rewards=rewards_table(selectors.latest_rewards(tenant)),
    )
    return context


def tile(title, value, page: str, query: dict[str, str] | None = None) -> dict[str, object]:
    """A number that leads to its rows."""
    address = reverse(f"admin:{page}_changelist")
    return {"title": title, "value": value, "href": f"{address}?{urlencode(query or {})}"}


def amount(value) -> str:
    return f"{points(value):,.2f}"


def chart(moments) -> str:
    labels = [timezone.localtime(moment.at).strftime("%H:%M") for moment in moments]
    return json.dumps(
        {
            "labels": labels,
            "datasets": [
                {
                    "label": _("Realised profit"),
                    "data": [str(moment.profit) for moment in moments],
                    "borderColor": "var(--color-primary-600)",
                },
                {
                    "label": _("Charged"),
                    "data": [str(moment.charged) for moment in moments],
                    "borderColor": "#f59e0b",
                },
            ],
        }
    )


def nodes_table(now) -> dict[str, object]:
    silent_after = timedelta(seconds=settings.NODE_SILENT_SECONDS)
    lines = []
    for node in selectors.nodes():
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


def signals_table(signals) -> dict[str, object]:
    return {
        "headers": [_("At"), _("Signal"), _("Price"), _("Status")],
        "rows": [
            [
                timezone.localtime(signal.created_at).strftime("%H:%M:%S"),
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
                timezone.localtime(reward.created_at).strftime("%H:%M:%S"),
                link("console:trace", reward.pk, reward.get_kind_display()),
                str(reward.member),
                plain(reward.amount),
            ]
            for reward in rewards
        ],
    }


def link(page: str, key, text: str):
    return format_html('<a class="text-link" href="{}">{}</a>', reverse(page, args=[key]), text)
