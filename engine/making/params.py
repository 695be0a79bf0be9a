"""What a maker can be told, with bounds, defaults and meanings.

Distances are basis points of the mid, times are seconds, inventory is counted in orders. `k` is
told in one over a basis point: 1.5 means that a quote 0.67 basis points further away is taken a
third as often. At these defaults the spread follows gamma and k: no bound cuts it.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from engine import parameters
from engine.parameters import Parameter, Params, parameters_of

Gamma = Annotated[
    float, msgspec.Meta(ge=0.01, le=5, description="dislike of risk: wider, and sooner rid of it")
]
GammaMin = Annotated[float, msgspec.Meta(ge=0.001, le=2, description="gamma adapts down to this")]
GammaMax = Annotated[float, msgspec.Meta(ge=0.01, le=10, description="gamma adapts up to this")]
Sigma = Annotated[
    float,
    msgspec.Meta(
        ge=1e-6, le=1, description="usual volatility of returns over the root of a minute"
    ),
]
K = Annotated[
    float, msgspec.Meta(ge=0.1, le=30, description="how fast fills grow rare, a basis point away")
]
A = Annotated[float, msgspec.Meta(ge=1e-4, le=1000, description="fills a second at the mid")]
Model = Annotated[
    Literal["closed", "rolling", "session"],
    msgspec.Meta(
        description="the closed form without an end; the paper's formula with an end always as "
        "far away, or with one that comes"
    ),
]
HorizonSeconds = Annotated[
    int, msgspec.Meta(ge=1, le=604_800, description="to the end, in the paper's formula")
]
SigmaWindow = Annotated[
    float, msgspec.Meta(ge=10, le=600, description="seconds that volatility remembers")
]
DepthWindow = Annotated[
    float, msgspec.Meta(ge=5, le=300, description="seconds that the usual depth remembers")
]
Calibrates = Annotated[
    bool, msgspec.Meta(description="whether A and k follow the trades that are seen")
]
CalibrationWindow = Annotated[
    float, msgspec.Meta(ge=30, le=3600, description="seconds that a calibration remembers")
]
ImbalanceBps = Annotated[
    float,
    msgspec.Meta(ge=0, le=20, description="shift of both quotes to the heavier side; 0: off"),
]
Levels = Annotated[int, msgspec.Meta(ge=1, le=10, description="orders on each side")]
LevelSpacing = Annotated[
    float, msgspec.Meta(ge=0.1, le=10, description="between levels, in half spreads")
]
MinSpread = Annotated[float, msgspec.Meta(ge=0.1, le=1000, description="never nearer, bps")]
MaxSpread = Annotated[float, msgspec.Meta(ge=1, le=2000, description="never further, bps")]
RequoteBps = Annotated[
    float, msgspec.Meta(ge=0.1, le=100, description="a price this far off is replaced, bps")
]
RequoteSize = Annotated[
    float, msgspec.Meta(ge=0, le=1, description="a size this share off is replaced")
]
OrderTtl = Annotated[int, msgspec.Meta(ge=1, le=300, description="an older order is replaced")]
QuoteInterval = Annotated[
    float, msgspec.Meta(ge=0.2, le=10, description="seconds between two looks")
]
MinOrderAge = Annotated[
    float, msgspec.Meta(ge=0, le=60, description="no younger order is repriced, seconds")
]
PlacesFirst = Annotated[
    bool, msgspec.Meta(description="a new order stands before the old one goes, if margin allows")
]
EquityRisk = Annotated[
    float, msgspec.Meta(ge=0.001, le=1, description="share of the equity in one order")
]
MaxOrder = Annotated[float, msgspec.Meta(ge=1, le=1e9, description="the largest order, in money")]
SizeSkew = Annotated[
    float,
    msgspec.Meta(ge=0, le=10, description="how much smaller the side that adds to inventory is"),
]
MaxInventory = Annotated[
    float, msgspec.Meta(ge=10, le=1e10, description="most inventory, where no share is told")
]
MaxInventoryShare = Annotated[
    float, msgspec.Meta(ge=0, le=5, description="most inventory, as a share of capacity; 0: none")
]
OneSided = Annotated[
    float, msgspec.Meta(ge=0.01, le=2, description="inventory over capacity: one side is left")
]
TwoSided = Annotated[
    float, msgspec.Meta(ge=0, le=2, description="inventory over capacity: both sides are back")
]
CapacityOf = Annotated[
    Literal["free", "equity"],
    msgspec.Meta(description="capacity is free funds or the equity, times the leverage"),
]
Leverage = Annotated[
    float, msgspec.Meta(ge=1, le=200, description="what capacity counts the funds by")
]
Drawdown = Annotated[
    float, msgspec.Meta(ge=0.1, le=80, description="halt at this many percent below the peak")
]
VolatilityZ = Annotated[
    float, msgspec.Meta(ge=1, le=10, description="halt at volatility so many deviations up")
]
MostFailures = Annotated[
    int, msgspec.Meta(ge=1, le=50, description="halt after so many failures in a row")
]
Stale = Annotated[
    float, msgspec.Meta(ge=0.5, le=60, description="quotes go when the book is as old, seconds")
]
Recovery = Annotated[
    float, msgspec.Meta(ge=0, le=1800, description="seconds of looking on before the first quote")
]
CloseDelay = Annotated[
    float, msgspec.Meta(ge=0.05, le=60, description="before closing is tried again, doubling")
]
CloseDelayMax = Annotated[
    float, msgspec.Meta(ge=0.1, le=300, description="the longest of these waits, seconds")
]
CloseTries = Annotated[
    int, msgspec.Meta(ge=1, le=10_000, description="after which a person is needed")
]
OrdersASecond = Annotated[
    float, msgspec.Meta(ge=0.5, le=1000, description="requests that the venue may be asked")
]
Heartbeat = Annotated[
    int, msgspec.Meta(ge=60, le=86_400, description="seconds between two summaries")
]


class MakerParams(Params, frozen=True, kw_only=True):
    model: Model = "closed"
    gamma: Gamma = 0.10
    gamma_min: GammaMin = 0.02
    gamma_max: GammaMax = 0.8
    sigma: Sigma = 0.001
    k: K = 1.5
    a: A = 0.5
    horizon_seconds: HorizonSeconds = 20
    sigma_window_seconds: SigmaWindow = 60
    depth_window_seconds: DepthWindow = 30
    calibrates: Calibrates = False
    calibration_window_seconds: CalibrationWindow = 600
    imbalance_bps: ImbalanceBps = 0
    levels: Levels = 1
    level_spacing: LevelSpacing = 1.0
    min_spread_bps: MinSpread = 0.25
    max_spread_bps: MaxSpread = 10
    requote_bps: RequoteBps = 0.10
    requote_size_ratio: RequoteSize = 0.08
    order_ttl_seconds: OrderTtl = 20
    quote_interval_seconds: QuoteInterval = 0.25
    min_order_age_seconds: MinOrderAge = 0.25
    places_first: PlacesFirst = True
    equity_risk: EquityRisk = 0.10
    max_order_notional: MaxOrder = 420
    size_skew: SizeSkew = 0
    max_inventory_notional: MaxInventory = 2200
    max_inventory_share: MaxInventoryShare = 0.60
    one_sided_at: OneSided = 0.60
    two_sided_at: TwoSided = 0.45
    capacity_of: CapacityOf = "free"
    leverage: Leverage = 50
    drawdown_percent: Drawdown = 9
    volatility_z: VolatilityZ = 3.6
    most_failures: MostFailures = 6
    stale_seconds: Stale = 3
    recovery_seconds: Recovery = 10
    close_delay_seconds: CloseDelay = 0.5
    close_delay_most_seconds: CloseDelayMax = 8
    close_tries: CloseTries = 100
    orders_a_second: OrdersASecond = 10
    heartbeat_seconds: Heartbeat = 1800

    def __post_init__(self) -> None:
        ordered(self, "gamma_min", "gamma_max")
        ordered(self, "min_spread_bps", "max_spread_bps")
        ordered(self, "two_sided_at", "one_sided_at")
        ordered(self, "close_delay_seconds", "close_delay_most_seconds")


def ordered(params: MakerParams, less: str, more: str) -> None:
    if getattr(params, less) > getattr(params, more):
        raise ValueError(f"{less} is at most {more} - at `$.{less}`")


def read_params(values: Mapping[str, object]) -> MakerParams:
    """The parameters, or BadParameters naming the field and the rule it breaks."""
    return parameters.read_params(MakerParams, values, owner="maker")


def changed(params: MakerParams, **values: object) -> MakerParams:
    """The same parameters with some of them changed, checked anew."""
    return read_params({**msgspec.to_builtins(params), **values})


def describe() -> list[Parameter]:
    """Every parameter with its type, default, bounds and meaning, as a form shows it."""
    return parameters_of(MakerParams)
