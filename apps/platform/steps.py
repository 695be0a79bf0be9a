"""Verbs that take nothing but the row: POST api/<list>/<id>/<verb>, which tells the row anew."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

import msgspec
from django.utils import timezone

from apps.backtests import services as backtests
from apps.core.errors import NotAllowed
from apps.members import services as members
from apps.nodes import services as nodes
from apps.platform import lists
from apps.platform.face import PLATFORM, Asked, Visitor, face
from apps.platform.listing import Listing, described, kind_of
from apps.strategies import services as strategies
from apps.tenants import services as tenants
from apps.tenants.models import Tenant
from apps.venues import services as venues


def step(listing: Listing, verb: str, do: Callable, *, argument: str, right: str = "") -> None:
    """Publish a service of one row as a verb."""
    model = listing.model
    key = kind_of(model._meta.pk)
    asked = msgspec.defstruct(f"{verb.title()}{model.__name__}", [("id", key)], bases=(Asked,))
    noun = str(model._meta.verbose_name)

    def take(visitor: Visitor, asked):
        row = listing.one(visitor, asked.id)
        # Nobody reaches above themselves.
        if getattr(row, "is_superuser", False) and not visitor.user.is_superuser:
            raise NotAllowed("only an owner does this to an owner")
        do(**{argument: row})
        row.refresh_from_db()
        return listing.line_of(row)

    name = f"{verb}_{model._meta.model_name}"
    described(take, name, asked, listing.line, f"{verb.capitalize()} this {noun}.")
    right = right or f"{model._meta.app_label}.change_{model._meta.model_name}"
    # A tenant neither suspends itself nor lets itself in again.
    only = PLATFORM if listing.is_platforms or model is Tenant else ""
    place = "uuid" if key is UUID else "int"
    face.call("POST", f"api/{listing.name}/<{place}:id>/{verb}", scope=right, only=only)(take)


def now_too(do: Callable, **arguments) -> None:
    do(now=timezone.now(), **arguments)


step(lists.tenants, "suspend", tenants.suspend_tenant, argument="tenant")
step(lists.tenants, "resume", tenants.resume_tenant, argument="tenant")
step(lists.users, "disable", tenants.disable_user, argument="user")
step(lists.users, "enable", tenants.enable_user, argument="user")
step(lists.app_keys, "revoke", tenants.revoke_app_key, argument="app_key")
step(lists.endpoints, "pause", tenants.pause_endpoint, argument="endpoint")
step(lists.endpoints, "resume", tenants.resume_endpoint, argument="endpoint")
step(lists.members, "disable", members.disable_member, argument="member")
step(lists.members, "enable", members.enable_member, argument="member")
step(lists.nodes, "drain", partial(now_too, nodes.drain_node), argument="node")
step(lists.nodes, "pause", nodes.pause_node, argument="node")
step(lists.nodes, "resume", nodes.resume_node, argument="node")
step(lists.nodes, "revoke", nodes.revoke_node, argument="node")
step(lists.strategies, "pause", strategies.pause_strategy, argument="strategy")
step(lists.strategies, "resume", strategies.resume_strategy, argument="strategy")
for verb, do in (("stop", backtests.stop_run), ("retry", backtests.retry_run)):
    step(lists.runs, verb, partial(now_too, do), argument="run")
step(lists.runs, "keep", backtests.keep_run, argument="run")
step(lists.runs, "release", backtests.release_run, argument="run")
for verb, do in (
    ("pause", strategies.pause_tenant_strategy),
    ("resume", strategies.resume_tenant_strategy),
):
    step(lists.tenant_strategies, verb, do, argument="tenant_strategy")
step(lists.subscriptions, "stop", strategies.stop_subscription, argument="subscription")
step(lists.subscriptions, "resume", strategies.resume_subscription, argument="subscription")
step(lists.venue_accounts, "pause", venues.pause_account, argument="account")
step(lists.venue_accounts, "resume", venues.resume_account, argument="account")
step(lists.venue_accounts, "unbind", venues.unbind_account, argument="account")
