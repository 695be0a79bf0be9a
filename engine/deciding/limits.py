"""What a trader may do at the most, with bounds, defaults and meanings.

An amount is in the quote currency. Defaults are of their own kind, floats with a point: limits that
were written down and read back are the same text in a prompt and in a reason.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

import msgspec

from engine.parameters import Parameter, Params, parameters_of, read_params

Confidence = Annotated[
    int, msgspec.Meta(ge=0, le=100, description="a less confident opening is refused")
]
RiskReward = Annotated[
    float, msgspec.Meta(ge=0.1, le=100, description="least distance to the target over the stop's")
]
Positions = Annotated[int, msgspec.Meta(ge=1, le=50, description="positions at the same time")]
Openings = Annotated[
    int, msgspec.Meta(ge=0, le=50, description="openings in one decision; 0: as positions allow")
]
Size = Annotated[float, msgspec.Meta(ge=1, le=1e9, description="the largest position, notional")]
Multiple = Annotated[
    float, msgspec.Meta(ge=0, le=200, description="a position's notional over the equity")
]
Leverage = Annotated[int, msgspec.Meta(ge=1, le=125, description="the most leverage")]
Majors = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=32)], ...],
    msgspec.Meta(max_length=20, description="base currencies that count as major"),
]
MarginUse = Annotated[
    float, msgspec.Meta(ge=1, le=100, description="margin over the equity, percent")
]
Risk = Annotated[
    float, msgspec.Meta(ge=0.01, le=100, description="lost at the stop, percent of the equity")
]
RiskApart = Annotated[
    float,
    msgspec.Meta(ge=0, le=1000, description="percent that a told risk may differ from the real"),
]
Depth = Annotated[
    float,
    msgspec.Meta(ge=0, le=1e12, description="least open interest in money; 0: any, or unknown"),
]
Rest = Annotated[
    int, msgspec.Meta(ge=0, le=604_800, description="seconds after a close without an opening")
]
EntryApart = Annotated[
    float, msgspec.Meta(ge=1, le=2000, description="an entry this far from the price, bps")
]
Stale = Annotated[
    float, msgspec.Meta(ge=0.5, le=600, description="a price this old says nothing, seconds")
]


class Limits(Params, frozen=True, kw_only=True):
    min_confidence: Confidence = 75
    min_risk_reward: RiskReward = 3.0
    max_positions: Positions = 4
    max_openings: Openings = 0
    max_size: Size = 500.0
    majors: Majors = ("BTC", "ETH")
    major_leverage: Leverage = 20
    other_leverage: Leverage = 10
    major_least_multiple: Multiple = 0.0
    major_most_multiple: Multiple = 10.0
    other_least_multiple: Multiple = 0.0
    other_most_multiple: Multiple = 5.0
    max_margin_percent: MarginUse = 60.0
    max_risk_percent: Risk = 5.0
    risk_apart_percent: RiskApart = 10.0
    least_depth: Depth = 0.0
    cooldown_seconds: Rest = 0
    entry_bps: EntryApart = 100.0
    stale_seconds: Stale = 10.0

    def __post_init__(self) -> None:
        for kind in ("major", "other"):
            least, most = f"{kind}_least_multiple", f"{kind}_most_multiple"
            if getattr(self, least) > getattr(self, most):
                raise ValueError(f"{least} is at most {most} - at `$.{least}`")


def read_limits(values: Mapping[str, object]) -> Limits:
    """The limits, or BadParameters naming the field and the rule it breaks."""
    return read_params(Limits, values, owner="limits")


def describe() -> list[Parameter]:
    """Every limit with its type, default, bounds and meaning, as a form shows it."""
    return parameters_of(Limits)


def exact(value: float) -> Decimal:
    """A limit as it was written, without the dust of floats."""
    return Decimal(str(value))
