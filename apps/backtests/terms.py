"""What a run is told beside its strategy: of money, and of how to search."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from engine.backtest import Limits, Margin, Settings, Sizing, Slippage
from engine.errors import BadParameters
from engine.optimise.objective import FIGURES
from engine.parameters import Params

T = TypeVar("T")


class Terms(Params, frozen=True, kw_only=True):
    """Shares are fractions: 0.0005 is five basis points."""

    cash: Annotated[float, Meta(ge=1, le=1e12, description="what the account begins with")] = 10_000
    sizing: Annotated[
        Literal["quantity", "notional", "margin", "risk", "volatility"],
        Meta(description="what the size is a measure of"),
    ] = "margin"
    size: Annotated[
        float,
        Meta(ge=1e-9, le=1e12, description="base units, quote, or a share of what it is worth"),
    ] = 0.1
    leverage: Annotated[float, Meta(ge=1, le=125, description="notional for each unit put up")] = 5
    margin: Annotated[
        Literal["isolated", "cross"], Meta(description="what stands for a position")
    ] = "isolated"
    maker_fee: Annotated[float, Meta(ge=-0.01, le=0.1, description="share paid as maker")] = 0.0002
    taker_fee: Annotated[float, Meta(ge=-0.01, le=0.1, description="share paid as taker")] = 0.0005
    slippage: Annotated[
        Literal["fixed", "range", "volume"], Meta(description="what the slip is a share of")
    ] = "fixed"
    slip: Annotated[float, Meta(ge=0, le=0.5, description="how much worse than its price")] = 0.0
    maintenance: Annotated[
        float, Meta(ge=0, le=0.5, description="share of the notional that is liquidated below")
    ] = 0.005
    funding: Annotated[
        float, Meta(ge=-0.1, le=0.1, description="share that longs pay every eight hours")
    ] = 0.0
    hedge: Annotated[bool, Meta(description="whether both directions are held at once")] = False
    min_confidence: Annotated[
        int, Meta(ge=0, le=100, description="intents that are less sure are left out")
    ] = 0


class Search(Params, frozen=True, kw_only=True):
    """How a search looks for parameters, and when it has looked enough."""

    method: Annotated[
        Literal["bayesian", "evolutionary", "random", "grid"],
        Meta(description="how the next set to try is found"),
    ] = "bayesian"
    trials: Annotated[int, Meta(ge=1, le=5000, description="sets that are tried at most")] = 100
    objective: Annotated[
        Literal[tuple(FIGURES)],  # type: ignore[valid-type]
        Meta(description="the figure to make better"),
    ] = "sharpe"
    least_trades: Annotated[
        int, Meta(ge=0, le=100_000, description="with fewer trades a set is not counted")
    ] = 10
    seed: Annotated[int, Meta(ge=0, le=2**31, description="the same seed tries the same")] = 0
    patience: (
        Annotated[int, Meta(ge=1, le=5000, description="trials without a better one end it")] | None
    ) = None
    budget_seconds: (
        Annotated[int, Meta(ge=1, le=86_400, description="after so long it ends")] | None
    ) = None
    workers: Annotated[
        Literal["auto", "here", "queue"],
        Meta(description="who makes the trials: search workers if any are there, or must be"),
    ] = "auto"
    held_back: Annotated[
        float, Meta(ge=0, le=0.9, description="share of the bars that the search never sees")
    ] = 0.3
    train_bars: Annotated[
        int, Meta(ge=1, le=2_000_000, description="walk-forward: bars that a window searches")
    ] = 2000
    test_bars: Annotated[
        int, Meta(ge=1, le=2_000_000, description="walk-forward: bars that follow, and are traded")
    ] = 500
    anchored: Annotated[
        bool, Meta(description="walk-forward: every window begins at the first bar")
    ] = False


def read_terms(values: Mapping[str, object]) -> Terms:
    return read(values, Terms, name="terms")


def read_search(values: Mapping[str, object]) -> Search:
    return read(values, Search, name="search")


def read(values: Mapping[str, object], kind: type[T], *, name: str) -> T:
    """The struct, or BadParameters naming the field and the rule it breaks."""
    try:
        return msgspec.convert(dict(values), kind)
    except msgspec.ValidationError as error:
        raise BadParameters(f"{name}: {error}", field=name) from error


def settings_of(terms: Terms, limits: Mapping[str, Limits], **how: bool) -> Settings:
    """As the engine is told; `how` is what of the run is kept."""
    return Settings(
        cash=terms.cash,
        sizing=Sizing[terms.sizing.upper()],
        size=terms.size,
        leverage=terms.leverage,
        margin=Margin(terms.margin),
        maker_fee=terms.maker_fee,
        taker_fee=terms.taker_fee,
        slippage=Slippage[terms.slippage.upper()],
        slip=terms.slip,
        maintenance=terms.maintenance,
        funding=terms.funding,
        hedge=terms.hedge,
        limits=limits,
        **how,
    )
