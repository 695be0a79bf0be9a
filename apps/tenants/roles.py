"""What each role may do: one table, asked by the admin, the pages and the JSON door alike.

A right is Django's `app.verb_model`, or one that a model names itself. To view is every role's,
as far as it is shown at all: a tenant's staff see their tenant's rows only.
"""

from collections.abc import Iterable

from apps.tenants.models import AppKey, User

R = User.Role
# Rights that decide about money, and those that decide about people and rules.
MONEY = {
    "rewards.decide_withdrawal",
    "tenants.recharge_tenant",
    "members.recharge_member",
    "positions.change_close",
    "quotas.add_tenantplan",
    "quotas.change_tenantplan",
}
TRADE = {
    f"{noun.partition('.')[0]}.{verb}_{noun.partition('.')[2]}"
    for noun in (
        *("tenants.tenant", "tenants.appkey", "tenants.endpoint", "tenants.delivery"),
        *("members.member", "nodes.node", "venues.venueaccount", "venues.instrument"),
        *("strategies.strategy", "strategies.tenantstrategy", "strategies.subscription"),
        *("intake.intake", "copying.copier", "risk.riskrule"),
        *("signals.signal", "orders.ticket", "backtests.run", "market_making.maker"),
        *("orders.brake", "monitoring.alert", "monitoring.silence"),
        *("traders.mind", "traders.template", "traders.manager", "traders.trader", "traders.duel"),
    )
    for verb in ("add", "change")
}
STAFF = {
    "members.add_member",
    "members.change_member",
    "members.recharge_member",
    "venues.add_venueaccount",
    "venues.change_venueaccount",
    "strategies.change_tenantstrategy",
    "strategies.add_subscription",
    "strategies.change_subscription",
    "copying.add_copier",
    "copying.change_copier",
    "backtests.add_run",
    "backtests.change_run",
    "orders.add_ticket",
    "market_making.add_maker",
    "market_making.change_maker",
    "traders.add_template",
    "traders.add_trader",
    "traders.change_trader",
    "traders.add_duel",
    "traders.change_duel",
}
# What an app key may do that only an owner gives: whoever made the key would have it, too.
OWNERS_SCOPES = {AppKey.Scope.MONEY, AppKey.Scope.SECRETS}
RIGHTS = {R.OPERATOR: TRADE, R.FINANCE: MONEY, R.SUPPORT: set(), R.STAFF: STAFF}


def is_owner(user: User) -> bool:
    """Whether the platform is this user's; a tenant's own may do everything in their tenant."""
    return user.is_superuser and user.tenant_id is None


def may_give(user: User, scopes: Iterable[str]) -> bool:
    """Whether a user may be told the secret of a key with these scopes.

    Who may do everything in a tenant gives its keys what they like: it is their own.
    """
    return user.is_superuser or not OWNERS_SCOPES.intersection(scopes)


def may(user: User, right: str) -> bool:
    """Whether a user's role gives a right. An owner is a superuser, and asked nothing."""
    if user.role == R.OWNER:
        return True
    if user.role not in RIGHTS:
        return False
    _app, _dot, what = right.partition(".")
    return what.startswith("view_") or right in RIGHTS[user.role]


def may_in(user: User, app: str) -> bool:
    """Whether a role gives any right in an app."""
    return user.role == R.OWNER or user.role in RIGHTS
