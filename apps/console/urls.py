"""Addresses of the console, inside the admin."""

from django.contrib import admin
from django.urls import path

from apps.console import (
    by_hand,
    cards,
    logins,
    money,
    nodes,
    parked,
    pools,
    second_factor,
    statements,
    views,
    withdrawals,
)


def inside(view):
    """A view behind the admin's login."""
    return admin.site.admin_view(view)


app_name = "console"
urlpatterns = [
    path("trace/<uuid:fact_id>/", inside(views.trace_page), name="trace"),
    path(
        "recharge/tenant/<int:tenant_id>/",
        inside(cards.recharge_tenant_page),
        name="recharge-tenant",
    ),
    path(
        "recharge/member/<int:member_id>/",
        inside(cards.recharge_member_page),
        name="recharge-member",
    ),
    path(
        "transfer/member/<int:member_id>/",
        inside(cards.transfer_cards_page),
        name="transfer-cards",
    ),
    path(
        "withdrawal/<uuid:withdrawal_id>/<slug:step>/",
        inside(withdrawals.withdrawal_page),
        name="withdrawal",
    ),
    path("order/<int:account_id>/", inside(by_hand.order_page), name="order-by-hand"),
    path("protection/<uuid:position_id>/", inside(by_hand.protection_page), name="protection"),
    path("close-positions/", inside(by_hand.close_page), name="close-positions"),
    path("parked/<uuid:ticket_id>/<slug:step>/", inside(parked.parked_page), name="parked"),
    path("assign-accounts/", inside(nodes.assign_page), name="assign-accounts"),
    path("statement/<int:account_id>/", inside(statements.statement_page), name="statement"),
    path("money/", inside(money.money_page), name="money"),
    path("pool/<uuid:pool_id>/", inside(pools.pool_page), name="pool"),
    path("second-factor/", inside(second_factor.second_factor_page), name="second-factor"),
    path("second-factor/remove/", inside(second_factor.remove_page), name="remove-second-factor"),
    # In place of the admin's own page, which ends no logins and tells the audit trail nothing.
    path("password_change/", inside(logins.password_page), name="password"),
    path("logins/", inside(logins.logins_page), name="logins"),
    path("tenant-in-view/", inside(views.switch_tenant), name="switch-tenant"),
]
