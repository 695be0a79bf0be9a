"""Two short forms from which all parameters of a maker follow, and presets by venue and symbol.

The strategy form names what the model is made of; the goal form names capital, a volume to reach
and how much risk is liked. Both show what they come to before anything is changed.
"""

from collections.abc import Mapping
from decimal import Decimal
from math import exp
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from engine import parameters
from engine.errors import BadParameters
from engine.making.model import answer
from engine.making.params import (
    A,
    Drawdown,
    Gamma,
    K,
    MakerParams,
    OneSided,
    Sigma,
    read_params,
)
from engine.making.rules import rules_of
from engine.making.watch import Seen
from engine.parameters import Parameter, Params, parameters_of

Form = TypeVar("Form", bound=Params)
# A position grows back to both sides at this share of where one side was left.
RECOVERS_AT = 0.75
MINUTES = Decimal(60)
LEVERAGE = Decimal(50)
LEAST_ORDER, LEAST_INVENTORY = Decimal(8), Decimal(30)
# An order may be worth so many times what the capital can carry, and inventory so many orders.
MOST_ORDER, ORDERS_HELD = Decimal(80), Decimal("1.8")
LEAST_RISK = Decimal("0.03")


class StrategyForm(Params, frozen=True, kw_only=True):
    symbol: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="what is quoted")]
    gamma: Gamma = 0.10
    sigma: Sigma = 0.001
    k: K = 1.5
    a: A = 0.5
    drawdown_percent: Drawdown = 9
    max_inventory_ratio: OneSided = 0.60


class GoalForm(Params, frozen=True, kw_only=True):
    symbol: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="what is quoted")]
    capital: Annotated[float, msgspec.Meta(ge=1, le=1e9, description="in the quote currency")] = 10
    hourly_volume: Annotated[
        float, msgspec.Meta(ge=100, le=1e12, description="to be traded in an hour")
    ] = 10_000
    profile: Annotated[
        Literal["safe", "balanced", "throughput"],
        msgspec.Meta(description="how much risk is liked for the volume"),
    ] = "throughput"


class Preview(msgspec.Struct, frozen=True):
    """What a form comes to: the parameters, and what they mean in a usual market."""

    params: MakerParams
    half_spread_bps: float
    shift_an_order_bps: float
    fills_a_minute: float


# The share of a minute's volume in one order, and what differs from the defaults.
PROFILES: dict[str, tuple[Decimal, Mapping[str, Any]]] = {
    "safe": (
        Decimal("0.35"),
        {
            "quote_interval_seconds": 0.90,
            "min_spread_bps": 1.20,
            "max_spread_bps": 8.0,
            "requote_bps": 0.40,
            "drawdown_percent": 4,
            "volatility_z": 2.4,
            "most_failures": 4,
            "recovery_seconds": 220,
            "gamma": 0.14,
            "max_inventory_share": 0.25,
        },
    ),
    "balanced": (
        Decimal("0.55"),
        {
            "quote_interval_seconds": 0.55,
            "min_spread_bps": 0.70,
            "max_spread_bps": 5.0,
            "requote_bps": 0.25,
            "drawdown_percent": 6,
            "volatility_z": 3.0,
            "most_failures": 6,
            "recovery_seconds": 140,
            "gamma": 0.10,
            "max_inventory_share": 0.40,
        },
    ),
    "throughput": (
        Decimal("0.75"),
        {
            "quote_interval_seconds": 0.30,
            "min_spread_bps": 0.35,
            "max_spread_bps": 2.8,
            "requote_bps": 0.15,
            "drawdown_percent": 8,
            "volatility_z": 3.6,
            "most_failures": 8,
            "recovery_seconds": 90,
            "gamma": 0.07,
            "max_inventory_share": 0.60,
        },
    ),
}

# By venue and symbol, what differs from the defaults: the louder and thinner a coin, the wider.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "grvt": {
        "BNB/USDT": {},
        "XRP/USDT": {"sigma": 0.0014, "k": 1.2, "max_spread_bps": 14},
        "SUI/USDT": {"sigma": 0.0018, "k": 0.9, "max_spread_bps": 18},
        "HYPE/USDT": {"sigma": 0.0018, "k": 0.8, "max_spread_bps": 20},
    },
    # The paper venue charges a fee for making and moves in steps: quoted wider, and looked at less.
    "paper": {
        "*": {"k": 0.5, "min_spread_bps": 2, "max_spread_bps": 40, "quote_interval_seconds": 1.0}
    },
}


def read_form(values: Mapping[str, object], form: type[Form]) -> Form:
    """The form, or BadParameters naming the field and the rule it breaks."""
    return parameters.read_params(form, values, owner=form.__name__)


def describe_form(form: type[Params]) -> list[Parameter]:
    return parameters_of(form)


def preset(venue: str, symbol: str, **changes: object) -> MakerParams:
    """A venue's parameters for a symbol; the defaults where it has none of its own."""
    if venue not in PRESETS:
        raise BadParameters("unknown preset", preset=venue, known=sorted(PRESETS))
    of_venue = PRESETS[venue]
    return read_params({**of_venue.get(symbol, of_venue.get("*", {})), **changes})


def from_strategy(form: StrategyForm) -> MakerParams:
    ratio = form.max_inventory_ratio
    return read_params(
        {
            "gamma": form.gamma,
            "sigma": form.sigma,
            "k": form.k,
            "a": form.a,
            "drawdown_percent": form.drawdown_percent,
            "max_inventory_share": ratio,
            "one_sided_at": ratio,
            "two_sided_at": RECOVERS_AT * ratio,
        }
    )


def from_goal(form: GoalForm) -> MakerParams:
    share, changes = PROFILES[form.profile]
    carried = Decimal(form.capital) * LEVERAGE
    wanted = Decimal(form.hourly_volume) / MINUTES * share
    order = min(max(wanted, LEAST_ORDER), max(LEAST_ORDER, MOST_ORDER * carried))
    held = max(
        LEAST_INVENTORY,
        carried * Decimal(changes["max_inventory_share"]),
        ORDERS_HELD * order,
    )
    # So that the order that was derived is the order that is placed.
    risk = min(max(order / Decimal(form.capital), LEAST_RISK), Decimal(1))
    ratio = float(changes["max_inventory_share"])
    return read_params(
        {
            **changes,
            "max_order_notional": float(order),
            "max_inventory_notional": float(held),
            "equity_risk": float(risk),
            "one_sided_at": ratio,
            "two_sided_at": RECOVERS_AT * ratio,
            "leverage": float(LEVERAGE),
        }
    )


def preview(params: MakerParams) -> Preview:
    """In a market of the usual volatility and depth, with nothing held."""
    rules = rules_of(params)
    seen = Seen(rules.usual, is_measured=False, z=0.0, depth=1.0, imbalance=0.0)
    told = answer(rules, seen, params.k, params.a, rules.horizon_seconds)
    market_rate = told.a * exp(-told.k * told.half)
    return Preview(params, told.half, told.shift, 2 * 60 * market_rate)
