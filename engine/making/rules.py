"""What a compiled look is held to: a maker's parameters and its grid, as numbers."""

from decimal import ROUND_CEILING
from typing import NamedTuple, get_args

from engine.making.grid import Grid
from engine.making.params import MakerParams, Model
from engine.making.units import ReturnVolatility, over_a_second
from engine.money import ZERO

MODELS: tuple[str, ...] = get_args(get_args(Model)[0])
CLOSED, ROLLING, SESSION = range(len(MODELS))


class Rules(NamedTuple):
    model: int
    gamma: float
    gamma_min: float
    gamma_max: float
    # The volatility that is taken for usual.
    usual: ReturnVolatility
    horizon_seconds: float
    sigma_window_seconds: float
    depth_window_seconds: float
    imbalance_bps: float
    levels: int
    level_spacing: float
    min_spread_bps: float
    max_spread_bps: float
    requote_bps: float
    requote_size_ratio: float
    order_ttl_seconds: float
    min_order_age_seconds: float
    size_skew: float
    one_sided_at: float
    two_sided_at: float
    volatility_z: float
    stale_seconds: float
    # The least order: in steps, and twice what it has to be worth, in ticks times steps.
    least: int
    twice_least_worth: int


def rules_of(params: MakerParams, grid: Grid | None = None) -> Rules:
    """Without a grid any size may be ordered."""
    own = {name: getattr(params, name) for name in Rules._fields if hasattr(params, name)}
    worth = 2 * grid.least_notional / grid.unit if grid else ZERO
    return Rules(
        **own
        | {
            "model": MODELS.index(params.model),
            "usual": over_a_second(ReturnVolatility(params.sigma)),
            "least": grid.least if grid else 1,
            "twice_least_worth": int(worth.to_integral_value(ROUND_CEILING)),
        }
    )
