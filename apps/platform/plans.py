"""What plans allow, made and changed."""

from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from apps.platform import lists
from apps.platform.face import PLATFORM, Asked, Id, Visitor, face, named
from apps.quotas.services import change_plan, create_plan

# Zero is unlimited.
Limit = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class CreatePlan(Asked, kw_only=True):
    code: Annotated[str, Meta(pattern="^[-a-zA-Z0-9_]+$", max_length=32)]
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    price_monthly: Decimal
    calls_daily: Limit = 0
    calls_monthly: Limit = 0
    max_members: Limit = 0
    max_subscriptions: Limit = 0
    max_venue_accounts: Limit = 0
    is_offered: bool = True


@face.call("POST", "api/plans", scope="quotas.add_plan", status=201, only=PLATFORM)
def create(visitor: Visitor, asked: CreatePlan) -> lists.plans.line:
    """Make a plan; a limit that is left out is none."""
    return lists.plans.line_of(create_plan(**named(asked)))


class ChangePlan(Asked, kw_only=True):
    id: Id
    name: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    price_monthly: Decimal | UnsetType = UNSET
    calls_daily: Limit | UnsetType = UNSET
    calls_monthly: Limit | UnsetType = UNSET
    max_members: Limit | UnsetType = UNSET
    max_subscriptions: Limit | UnsetType = UNSET
    max_venue_accounts: Limit | UnsetType = UNSET
    is_offered: bool | UnsetType = UNSET


@face.call("PATCH", "api/plans/<int:id>", scope="quotas.change_plan", only=PLATFORM)
def change(visitor: Visitor, asked: ChangePlan) -> lists.plans.line:
    """Change what it allows, from the next call on, to every tenant that is on it."""
    row = lists.plans.one(visitor, asked.id)
    return lists.plans.line_of(change_plan(plan=row, **named(asked, "id")))
