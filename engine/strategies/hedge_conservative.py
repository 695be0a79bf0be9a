"""Careful hedge: as the hedge, while the band is wide enough to pay for it."""

from typing import Annotated

from msgspec import Meta

from engine.strategies import hedge
from engine.strategies.columns import of_columns


class HedgeConservative(hedge.Hedge, frozen=True, kw_only=True):
    min_width_pct: Annotated[
        float, Meta(ge=0, le=50, description="least width of the band, in percent of its middle")
    ] = 2.0


STRATEGY = of_columns(
    "hedge_conservative", HedgeConservative, hedge.candles_needed, hedge.wishes, hedge=hedge.both
)
