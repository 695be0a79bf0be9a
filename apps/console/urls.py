"""Addresses of the console, inside the admin."""

from django.contrib import admin
from django.urls import path

from apps.console import (
    backtests,
    by_hand,
    cards,
    exports,
    habits,
    intakes,
    logins,
    makers,
    money,
    nodes,
    parked,
    people,
    pools,
    risk,
    second_factor,
    sizes,
    statements,
    tuning,
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
    path("modes/<int:account_id>/", inside(by_hand.modes_page), name="modes"),
    path("close-positions/", inside(by_hand.close_page), name="close-positions"),
    path("parked/<uuid:ticket_id>/<slug:step>/", inside(parked.parked_page), name="parked"),
    path("assign-accounts/", inside(nodes.assign_page), name="assign-accounts"),
    path("statement/<int:account_id>/", inside(statements.statement_page), name="statement"),
    path("member/<int:member_id>/", inside(people.member_page), name="member"),
    path("tenant/<int:tenant_id>/", inside(people.tenant_page), name="tenant"),
    path("tune/<int:tenant_strategy_id>/", inside(tuning.tune_page), name="tune"),
    path("sizes/<slug:kind>/", inside(sizes.sizes_page), name="sizes"),
    path("risk/", inside(risk.rules_page), name="risk"),
    path("risk/<int:tenant_id>/", inside(risk.rules_page), name="risk-of"),
    path("risk/<int:tenant_id>/<slug:rule>/", inside(risk.rule_page), name="risk-rule"),
    path("refusals/", inside(risk.refusals_page), name="refusals"),
    path("money/", inside(money.money_page), name="money"),
    path("pool/<uuid:pool_id>/", inside(pools.pool_page), name="pool"),
    path("runs/new/", inside(backtests.start_page), name="start-run"),
    path("runs/compare/", inside(backtests.compare_page), name="compare-runs"),
    path("runs/<uuid:run_id>/", inside(backtests.run_page), name="run"),
    path("runs/<uuid:run_id>/state/", inside(backtests.state_page), name="run-state"),
    path("runs/<uuid:run_id>/report/", inside(backtests.report_page), name="run-report"),
    path("runs/<uuid:run_id>/use/", inside(backtests.use_page), name="use-run"),
    path("runs/<uuid:run_id>/<slug:verb>/", inside(backtests.act_page), name="act-on-run"),
    path("intake/<int:intake_id>/", inside(intakes.intake_page), name="intake"),
    path("makers/new/", inside(makers.new_page), name="new-maker"),
    path("makers/<int:maker_id>/", inside(makers.maker_page), name="maker"),
    path("makers/<int:maker_id>/change/", inside(makers.change_page), name="change-maker"),
    path("makers/<int:maker_id>/state/", inside(makers.state_page), name="maker-state"),
    path("makers/<int:maker_id>/stream/", inside(makers.stream_page), name="maker-stream"),
    path("makers/<int:maker_id>/<slug:verb>/", inside(makers.act_page), name="act-on-maker"),
    path("second-factor/", inside(second_factor.second_factor_page), name="second-factor"),
    path("second-factor/remove/", inside(second_factor.remove_page), name="remove-second-factor"),
    # In place of the admin's own page, which ends no logins and tells the audit trail nothing.
    path("password_change/", inside(logins.password_page), name="password"),
    path("logins/", inside(logins.logins_page), name="logins"),
    path("settings/", inside(habits.settings_page), name="settings"),
    path("keyboard/", inside(habits.keys_page), name="keys"),
    path("filters/save/", inside(habits.save_filter), name="save-filter"),
    path("filters/<int:filter_id>/remove/", inside(habits.remove_filter), name="remove-filter"),
    path("exports/", inside(exports.exports_page), name="exports"),
    path("exports/new/", inside(exports.new_export_page), name="new-export"),
    path("exports/<int:export_id>/file/", inside(exports.file_page), name="export-file"),
    path("exports/<int:export_id>/stop/", inside(exports.stop_page), name="stop-export"),
    path("tenant-in-view/", inside(views.switch_tenant), name="switch-tenant"),
]
