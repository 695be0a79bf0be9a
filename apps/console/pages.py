"""How every page of the console is shown: inside the admin's frame, with a way back."""

from django.contrib import admin
from django.shortcuts import render
from django.urls import reverse

# The list that a page is about, by the page's address; from any other one goes to the dashboard.
LISTS = {
    **dict.fromkeys(["member", "recharge-member", "transfer-cards"], "members_member"),
    **dict.fromkeys(["tenant", "recharge-tenant"], "tenants_tenant"),
    **dict.fromkeys(["order-by-hand", "modes", "assign-accounts"], "venues_venueaccount"),
    **dict.fromkeys(["protection", "close-positions"], "positions_position"),
    **dict.fromkeys(["start-run", "compare-runs", "run", "use-run"], "backtests_run"),
    **dict.fromkeys(["new-maker", "maker", "change-maker"], "market_making_maker"),
    "withdrawal": "rewards_withdrawal",
    "pool": "rewards_pool",
    "parked": "orders_ticket",
    "refusals": "orders_ticket",
    "trace": "signals_signal",
    "statement": "ledger_account",
    "tune": "strategies_tenantstrategy",
    "intake": "intake_intake",
}


def show(request, template: str, title: str, **context):
    frame = admin.site.each_context(request)
    about = {"title": title, "way_back": way_back(request)}
    return render(request, template, {**frame, **about, **context})


def way_back(request) -> str:
    page = LISTS.get(request.resolver_match.url_name)
    return reverse(f"admin:{page}_changelist" if page else "admin:index")
