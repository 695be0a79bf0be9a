"""The platform's own strategies: made and changed, as tenants then offer them."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from apps.core.face import as_json
from apps.platform import lists
from apps.platform.face import PLATFORM, Asked, Id, Visitor, face, named
from apps.strategies.services import create_strategy, update_strategy

Percent = Annotated[int, Meta(ge=0, le=100)]
Seconds = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class CreateStrategy(Asked, kw_only=True):
    code: str
    name: str
    # The strategy of the library that decides, and its parameters; none, where alerts decide.
    rule: str = ""
    params: dict[str, Any] = {}
    symbols: list[str]
    timeframe: str
    description: str = ""
    venue: str = "paper"
    min_confidence: Percent = 50
    cooldown_seconds: Seconds = 0


@face.call("POST", "api/strategies", scope="strategies.add_strategy", status=201, only=PLATFORM)
def create(visitor: Visitor, asked: CreateStrategy) -> lists.strategies.line:
    """Make a strategy of the platform."""
    return lists.strategies.line_of(create_strategy(**told(asked)))


class ChangeStrategy(Asked, kw_only=True):
    id: Id
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    params: dict[str, Any] | UnsetType = UNSET
    symbols: list[str] | UnsetType = UNSET
    timeframe: str | UnsetType = UNSET
    min_confidence: Percent | UnsetType = UNSET
    cooldown_seconds: Seconds | UnsetType = UNSET


@face.call("PATCH", "api/strategies/<int:id>", scope="strategies.change_strategy", only=PLATFORM)
def change_master(visitor: Visitor, asked: ChangeStrategy) -> lists.strategies.line:
    """Let it decide otherwise from the next bar on; what is not named stays."""
    row = lists.strategies.one(visitor, asked.id)
    return lists.strategies.line_of(update_strategy(strategy=row, **told(asked, "id")))


def told(asked: CreateStrategy | ChangeStrategy, *others: str) -> dict[str, object]:
    """What a call names, its parameters as they are kept."""
    values = named(asked, *others)
    return values | {name: as_json(values[name]) for name in ("params",) if name in values}
