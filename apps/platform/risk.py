"""The limits to what is opened: of the platform, and of the tenant that is looked through."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from apps.platform import lists
from apps.platform.face import Asked, Visitor, face, named
from apps.risk.selectors import rules_of
from apps.risk.services import set_rule
from apps.risk.words import FIGURES, MEANINGS, TITLES
from engine.limits import LIMITS
from engine.parameters import parameters_of


class Figure(Struct):
    name: str
    meaning: str
    least: float | None
    most: float | None


class State(Struct):
    is_on: bool
    figures: dict[str, Any]
    # How often it was set; of one that nobody has set, zero.
    version: int


class Limit(Struct):
    rule: str
    title: str
    meaning: str
    figures: list[Figure]
    # Both hold.
    platform: State
    tenant: State | None


class NothingAsked(Asked):
    pass


@face.call("GET", "api/risk/rules", scope="risk.view_riskrule")
def list_limits(visitor: Visitor, asked: NothingAsked) -> list[Limit]:
    """Every limit: what it means, the bounds of its figures, and how it is set."""
    platforms = rules_of(None)
    own = rules_of(visitor.tenant) if visitor.tenant else {}
    return [
        Limit(
            rule,
            str(TITLES[rule]),
            str(MEANINGS[rule]),
            [
                Figure(one.name, str(FIGURES[one.name]), one.least, one.most)
                for one in parameters_of(limit.figures)
            ],
            state(platforms[rule]),
            state(own[rule]) if own else None,
        )
        for rule, limit in LIMITS.items()
    ]


def state(row) -> State:
    return State(row.is_on, row.figures, row.version)


class SetRule(Asked, kw_only=True):
    rule: str
    is_on: bool | UnsetType = UNSET
    figures: dict[str, Any] | UnsetType = UNSET


@face.call("PUT", "api/risk/rules/<str:rule>", scope="risk.change_riskrule")
def set_a_limit(visitor: Visitor, asked: SetRule) -> lists.risk_rules.line:
    """Let a limit hold from the next order on, for the tenant that is looked through, or for all;
    what is not named stays."""
    return lists.risk_rules.line_of(set_rule(tenant=visitor.tenant, **named(asked)))
