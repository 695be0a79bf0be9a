"""Smart money and Fibonacci: a break of structure, and the entry when price comes back.

A bar that breaks the last swing makes a setup: entries at Fibonacci levels of the move, at order
blocks and at gaps, of which the one with the best reward for its risk is kept. Within
`retest_bars` price must come back to the zone between entry and stop; with `require_retest`
the bar that does must refuse the zone by its close and its pattern. The newest setup counts.

Readings where several are possible:
- Nothing is remembered: setups, touches and own signals are replayed over the bars shown.
- The intent stands at the close of the bar that confirms, never at the better price of the zone.
- A reward too small for its risk is refused; `short_target="move"` moves the target out instead.
- `bos` breaks with the trend of the last break or with none before, `choch` against it.
- `bias` refuses the side against the higher trend where one is known; `require_htf_filter`
  also where none is. Higher bars stand on the clock's boundaries and are complete.
- Sizing, order types, trailing and partial exits are not the rule's; news needs a calendar.
"""

from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from engine.candle import Candles
from engine.indicators import gaps, latest, mean_range, order_blocks, swings
from engine.indicators.structure import Zones
from engine.signal import Direction, Intent
from engine.strategies.base import Params, Strategy, opening, sign
from engine.strategies.smart_money import (
    PATTERN_BARS,
    PATTERNS,
    Lists,
    higher,
    lists,
    mirrored,
    trend_of_swings,
)

# Own signals are replayed from this many bars before the rest that follows one.
REPLAYED = 50
EXTENSION = 1.272
# Hours of UTC+8, as the sessions are spoken of; New York's goes past midnight.
SESSIONS = {"asia": (0, 8), "london": (15, 23), "ny": (20, 28)}
EIGHT_HOURS = 8 * 3600

# By the mean range of a bar in percent: below each bound, the swing, least reward and patience.
Profile = tuple[tuple[float, int, float, int], ...]
PROFILES: dict[str, Profile] = {
    "conservative": ((0.25, 2, 2.0, 32), (0.5, 3, 2.5, 24), (0.9, 4, 3.0, 16), (1e9, 5, 3.5, 10)),
    "medium": ((0.15, 2, 1.5, 28), (0.3, 3, 2.0, 20), (0.6, 4, 2.5, 12), (1e9, 5, 3.0, 8)),
    "aggressive": ((0.2, 2, 1.2, 20), (0.4, 3, 1.6, 14), (0.8, 4, 2.0, 10), (1e9, 5, 2.5, 6)),
}
PROFILED_BARS = 50
# How deep price has to come into a gap to fill it.
FILLED = {"touch": 0.0, "half": 0.5, "full": 1.0}


class Retracing(Params, frozen=True, kw_only=True):
    """What the plain form and the flexible one have alike."""

    min_rr: Annotated[
        float, Meta(ge=0.1, le=5, description="least reward for the risk of a setup")
    ] = 2.0
    fibo_levels: Annotated[
        tuple[Annotated[float, Meta(ge=0.1, le=0.95)], ...],
        Meta(min_length=1, max_length=8, description="shares of the move given back at an entry"),
    ] = (0.5, 0.618, 0.705)
    fibo_tolerance: Annotated[
        float,
        Meta(ge=0, le=0.02, description="share of the price within which an entry is reached"),
    ] = 0.005
    htf_multiplier: Annotated[
        int, Meta(ge=2, le=24, description="bars that make one of the higher timeframe")
    ] = 4
    htf_ema_fast: Annotated[
        int, Meta(ge=2, le=50, description="fast average of the higher timeframe")
    ] = 20
    htf_ema_slow: Annotated[
        int, Meta(ge=3, le=100, description="slow average of the higher timeframe")
    ] = 50
    require_htf_filter: Annotated[
        bool, Meta(description="open only with a higher trend that is known")
    ] = True
    require_retest: Annotated[
        bool, Meta(description="the bar that comes back must also refuse the zone")
    ] = True
    retest_bars: Annotated[
        int, Meta(ge=1, le=200, description="bars within which price must come back")
    ] = 20
    pinbar_ratio: Annotated[
        float, Meta(ge=1, le=4, description="least wick of a pin bar, in bodies")
    ] = 1.5
    fibo_fallback: Annotated[
        bool, Meta(description="without a break, follow the trend from the better half of the move")
    ] = True
    stop_source: Annotated[
        Literal["auto", "swing", "ob"],
        Meta(description="stop beyond the zone's edge, the swing, or the nearest order block"),
    ] = "auto"
    tp_mode: Annotated[
        Literal["swing", "rr", "fibo"],
        Meta(description="target at the end of the move, by the risk, or beyond the move"),
    ] = "swing"
    structure: Annotated[
        Literal["both", "bos", "choch"], Meta(description="breaks with the trend, against, or both")
    ] = "both"
    bias: Annotated[
        Literal["with_trend", "both"], Meta(description="whether the higher trend may be opposed")
    ] = "with_trend"

    def __post_init__(self) -> None:
        if self.htf_ema_fast >= self.htf_ema_slow:
            raise ValueError("htf_ema_fast must be below htf_ema_slow")


class SmcFiboFlex(Retracing, frozen=True, kw_only=True):
    direction: Annotated[
        Literal["both", "long", "short"], Meta(description="sides that may be opened")
    ] = "both"
    swing: Annotated[
        int, Meta(ge=1, le=20, description="bars before a swing that it must not be below")
    ] = 3
    swing_right: Annotated[
        int, Meta(ge=0, le=20, description="bars after a swing that must confirm it; 0 for none")
    ] = 0
    htf_swing: Annotated[
        int, Meta(ge=1, le=10, description="bars on each side of a swing of the higher timeframe")
    ] = 3
    entry_source: Annotated[
        Literal["auto", "fibo", "ob", "fvg", "confluence"],
        Meta(description="entries at levels, blocks, gaps, all of them, or where both overlap"),
    ] = "auto"
    entry_mode: Annotated[
        Literal["limit", "market"],
        Meta(description="open when price comes back to the zone, or on the break"),
    ] = "limit"
    retest_ignore_stop_touch: Annotated[
        bool, Meta(description="a setup outlives a touch of its stop")
    ] = False
    max_dev_atr: Annotated[
        float, Meta(ge=0.05, le=20, description="farthest close from the entry, in usual ranges")
    ] = 1.0
    stop_buffer_mode: Annotated[
        Literal["fixed", "atr"], Meta(description="room beyond the stop: a share, or usual ranges")
    ] = "fixed"
    stop_buffer_pct: Annotated[
        float, Meta(ge=0, le=5, description="room beyond the stop, in percent of it")
    ] = 0.05
    sl_atr_multiplier: Annotated[
        float, Meta(ge=0, le=10, description="room beyond the stop, in usual ranges")
    ] = 0.5
    atr_period: Annotated[int, Meta(ge=2, le=100, description="bars of the usual range")] = 14
    rr: Annotated[float, Meta(ge=0.1, le=10, description="target in risks, by the risk")] = 2.0
    short_target: Annotated[
        Literal["refuse", "move"], Meta(description="what becomes of a reward that is too small")
    ] = "refuse"
    ob_type: Annotated[
        Literal["reversal", "breaker", "both"],
        Meta(description="order blocks that held, that were broken and turned, or both"),
    ] = "reversal"
    wick_ob: Annotated[
        bool, Meta(description="a block reaches as far as its bar's wicks, and not its body")
    ] = True
    ob_fvg_overlap: Annotated[
        float,
        Meta(ge=0.05, le=1, description="least share of the smaller that block and gap overlap by"),
    ] = 0.3
    ob_min_body_ratio: Annotated[
        float, Meta(ge=0.1, le=1, description="least body of the bar that makes a block, in ranges")
    ] = 0.5
    ob_max_tests: Annotated[
        int, Meta(ge=0, le=20, description="visits after which a block is used up")
    ] = 3
    ob_valid_bars: Annotated[int, Meta(ge=1, le=300, description="bars that a block lives")] = 100
    fvg_min_pct: Annotated[
        float, Meta(ge=0.01, le=5, description="least gap, in percent of the price")
    ] = 0.15
    fvg_valid_bars: Annotated[int, Meta(ge=1, le=300, description="bars that a gap lives")] = 50
    fvg_fill_mode: Annotated[
        Literal["touch", "half", "full"],
        Meta(description="how far price must come into a gap until it is filled"),
    ] = "touch"
    patterns: Annotated[
        tuple[
            Literal[
                "pinbar",
                "engulfing",
                "star",
                "inside_bar",
                "fakey",
                "tweezer",
                "harami",
                "wick_reject",
                "belt_hold",
                "hammer",
            ],
            ...,
        ],
        Meta(description="bars that count as refusing a price, one point each"),
    ] = ("pinbar", "engulfing", "star")
    pattern_min_score: Annotated[
        float, Meta(ge=0, le=10, description="points that a refusing bar must have")
    ] = 1.0
    sessions: Annotated[
        tuple[Literal["asia", "london", "ny"], ...],
        Meta(description="sessions in which may be opened; none named is all day"),
    ] = ()
    auto_profile: Annotated[
        Literal["off", "conservative", "medium", "aggressive"],
        Meta(description="let the market's ranges choose swing, min_rr and retest_bars"),
    ] = "off"
    signal_cooldown: Annotated[
        int, Meta(ge=0, le=200, description="bars to stay out after a signal of its own")
    ] = 0
    duplicate_signal_filter_bars: Annotated[
        int, Meta(ge=0, le=200, description="bars in which a signal of one side is not said again")
    ] = 3


class Zone(NamedTuple):
    """A zone that buyers left, or in the mirrored market sellers; known from its bar on."""

    at: int
    top: float
    bottom: float


class Setup(NamedTuple):
    entry: float
    stop: float
    target: float


class View(NamedTuple):
    """The market as one side sees it: for sellers it is mirrored, so up is always with us."""

    direction: Direction
    bars: Lists
    swing_high: list[float]
    swing_low: list[float]
    usual: list[float]
    blocks: list[Zone]
    gaps: list[Zone]


def asks_higher(params: SmcFiboFlex) -> bool:
    return params.bias == "with_trend" or params.require_htf_filter or params.fibo_fallback


def longest_rest(params: SmcFiboFlex) -> int:
    return max(params.signal_cooldown, params.duplicate_signal_filter_bars)


def candles_needed(params: SmcFiboFlex) -> int:
    patience, swing = params.retest_bars, params.swing + params.swing_right
    if params.auto_profile != "off":
        patience, swing = 32, 5 + params.swing_right
    life = max(params.ob_valid_bars, params.fvg_valid_bars, params.atr_period, 10 * swing)
    replayed = REPLAYED + longest_rest(params) if longest_rest(params) else 0
    needed = life + patience + replayed + PATTERN_BARS + 1
    if asks_higher(params):
        # The averages only stand in for swings: twice their bars are enough to lean on.
        needed = max(needed, params.htf_multiplier * (2 * params.htf_ema_slow + 1))
    return max(50, needed)


def profiled(candles: Candles, params: SmcFiboFlex) -> SmcFiboFlex:
    if params.auto_profile == "off":
        return params
    span = (candles.high - candles.low) / candles.close
    mean = 100 * float(span[-PROFILED_BARS:].mean())
    rows = PROFILES[params.auto_profile]
    _, swing, min_rr, bars = next(row for row in rows if mean < row[0])
    return msgspec.structs.replace(params, swing=swing, min_rr=min_rr, retest_bars=bars)


def views(candles: Candles, params: SmcFiboFlex) -> dict[Direction, View]:
    """Both sides' views, with every zone that could still count."""
    told = swings(candles.high, candles.low, left=params.swing, right=params.swing_right)
    high, low = latest(told.high), latest(told.low)
    usual = mean_range(candles.high, candles.low, candles.close, params.atr_period).tolist()
    blocks = order_blocks(
        candles.open, candles.high, candles.low, candles.close, least_body=params.ob_min_body_ratio
    )
    if not params.wick_ob:
        blocks = by_bodies(blocks, candles)
    open_gaps = gaps(candles.high, candles.low, least=params.fvg_min_pct / 100)
    bars = lists(candles)

    def zones(of: Zones, wanted: bool) -> list[Zone]:
        top, bottom, is_demand = of
        return [
            Zone(int(at), float(top[at]), float(bottom[at]))
            if wanted
            else Zone(int(at), -float(bottom[at]), -float(top[at]))
            for at in np.flatnonzero(~np.isnan(top) & (is_demand == wanted))
        ]

    return {
        Direction.LONG: View(
            Direction.LONG,
            bars,
            high.tolist(),
            low.tolist(),
            usual,
            zones(blocks, True),
            zones(open_gaps, True),
        ),
        Direction.SHORT: View(
            Direction.SHORT,
            mirrored(bars),
            (-low).tolist(),
            (-high).tolist(),
            usual,
            zones(blocks, False),
            zones(open_gaps, False),
        ),
    }


def by_bodies(blocks: Zones, candles: Candles) -> Zones:
    """The blocks as far as the bodies of their bars reach; each stands before its own place."""
    places = np.flatnonzero(~np.isnan(blocks.top))
    top, bottom = blocks.top.copy(), blocks.bottom.copy()
    first, last = candles.open[places - 1], candles.close[places - 1]
    top[places], bottom[places] = np.maximum(first, last), np.minimum(first, last)
    return Zones(top, bottom, blocks.is_demand)


def sides(
    seen: dict[Direction, View], params: SmcFiboFlex
) -> tuple[list[Direction | None], list[Direction | None]]:
    """For every bar the side of its break, and the trend after it.

    A wick breaks; of a bar that breaks both ways the upper break counts.
    """
    up, down = seen[Direction.LONG], seen[Direction.SHORT]
    broke: list[Direction | None] = [None]
    trends: list[Direction | None] = [None]
    trend: Direction | None = None
    for at in range(1, len(up.usual)):
        way = None
        if up.bars.high[at] > up.swing_high[at - 1]:
            way = Direction.LONG
        elif down.bars.high[at] > down.swing_high[at - 1]:
            way = Direction.SHORT
        turns = way is not None and trend is not None and way is not trend
        wanted = params.structure == "both" or turns == (params.structure == "choch")
        broke.append(way if wanted else None)
        trend = way or trend
        trends.append(trend)
    return broke, trends


def alive(view: View, zone: Zone, at: int, *, life: int, visits: int, depth: float = 0.0) -> bool:
    """Whether a zone still counts on a bar: young, not closed through, not visited too often; a
    visit comes so deep into it, as a share."""
    if not 0 <= at - zone.at <= life:
        return False
    since = range(zone.at + 1, at + 1)
    if any(view.bars.close[bar] < zone.bottom for bar in since):
        return False
    reached = zone.top - depth * (zone.top - zone.bottom)
    return sum(view.bars.low[bar] <= reached for bar in since) <= visits


def breaker(view: View, zone: Zone, at: int, *, life: int) -> bool:
    """Whether the other side's block was closed through from below and holds as ours."""
    if not 0 <= at - zone.at <= life:
        return False
    through = [bar for bar in range(zone.at + 1, at + 1) if view.bars.close[bar] > zone.top]
    return bool(through) and not any(
        view.bars.close[bar] < zone.bottom for bar in range(through[0], at + 1)
    )


def zones_at(
    seen: dict[Direction, View], view: View, at: int, params: SmcFiboFlex
) -> tuple[list[Zone], list[Zone]]:
    """The order blocks and the gaps that count for one side on one bar, as that side sees them."""
    blocks: list[Zone] = []
    if params.ob_type != "breaker":
        blocks += [
            zone
            for zone in view.blocks
            if alive(view, zone, at, life=params.ob_valid_bars, visits=params.ob_max_tests)
        ]
    if params.ob_type != "reversal":
        other = Direction.SHORT if view.direction is Direction.LONG else Direction.LONG
        turned = [Zone(zone.at, -zone.bottom, -zone.top) for zone in seen[other].blocks]
        blocks += [zone for zone in turned if breaker(view, zone, at, life=params.ob_valid_bars)]
    # A gap is filled once.
    life, depth = params.fvg_valid_bars, FILLED[params.fvg_fill_mode]
    open_gaps = [
        zone for zone in view.gaps if alive(view, zone, at, life=life, visits=0, depth=depth)
    ]
    return blocks, open_gaps


def overlaps(blocks: list[Zone], open_gaps: list[Zone], least: float) -> list[tuple[float, float]]:
    """Where a block and a gap are at one price, by at least this share of the smaller: an entry at
    the overlap, and the block's edge."""
    found = []
    for block in blocks:
        for gap in open_gaps:
            top, bottom = min(block.top, gap.top), max(block.bottom, gap.bottom)
            smaller = min(block.top - block.bottom, gap.top - gap.bottom)
            if smaller > 0 and top - bottom >= least * smaller:
                found.append((top, block.bottom))
    return found


def setup_at(
    seen: dict[Direction, View], view: View, at: int, *, broke: bool, params: SmcFiboFlex
) -> Setup | None:
    """The best setup that a bar makes for one side, or None."""
    low, close = view.swing_low[at], view.bars.close[at]
    high = view.bars.high[at] if broke else view.swing_high[at]
    if np.isnan(low) or np.isnan(high) or not high > low:
        return None
    middle, span = (high + low) / 2, high - low
    if not broke and view.bars.low[at] > middle:
        return None
    blocks, open_gaps = zones_at(seen, view, at, params)
    found: list[tuple[float, float]] = []
    if params.entry_source in ("auto", "fibo"):
        for level in params.fibo_levels:
            entry = high - span * level
            if entry <= middle:
                found.append((entry, low))
    if params.entry_source in ("auto", "ob"):
        found += [(zone.top, zone.bottom) for zone in blocks]
    if params.entry_source in ("auto", "fvg"):
        found += [(zone.top, zone.bottom) for zone in open_gaps]
    if params.entry_source == "confluence":
        found += overlaps(blocks, open_gaps, params.ob_fvg_overlap)

    best: tuple[float, Setup] | None = None
    for entry, edge in found:
        stop = edge
        if params.stop_source == "swing":
            stop = low
        elif params.stop_source == "ob":
            stop = max((zone.bottom for zone in blocks if zone.bottom < entry), default=edge)
        if params.stop_buffer_mode == "atr":
            stop -= params.sl_atr_multiplier * view.usual[at]
        else:
            stop -= abs(stop) * params.stop_buffer_pct / 100
        # In the market entry the price is the bar's own.
        paid = close if params.entry_mode == "market" else entry
        risk = paid - stop
        if not risk > 0 or entry > close:
            continue
        target = {
            "swing": high,
            "rr": paid + params.rr * risk,
            "fibo": low + EXTENSION * span,
        }[params.tp_mode]
        reward = (target - paid) / risk
        if reward < params.min_rr:
            if params.short_target == "refuse":
                continue
            reward = max(1.2 * params.min_rr, params.min_rr + 0.3)
            target = paid + reward * risk
        if best is None or reward > best[0]:
            best = reward, Setup(entry, stop, target)
    return None if best is None else best[1]


def score(view: View, at: int, params: SmcFiboFlex) -> int:
    return sum(PATTERNS[name](view.bars, at, params.pinbar_ratio) for name in set(params.patterns))


def answers(view: View, setup: Setup, at: int, params: SmcFiboFlex) -> bool:
    """Whether a bar comes back to the zone and, where it must, refuses it."""
    bars = view.bars
    if bars.low[at] > setup.entry + params.fibo_tolerance * abs(setup.entry):
        return False
    if abs(bars.close[at] - setup.entry) > params.max_dev_atr * view.usual[at]:
        return False
    if not params.require_retest:
        return True
    refuses = bars.close[at] > setup.entry and bars.close[at] > bars.open[at]
    return refuses and score(view, at, params) >= params.pattern_min_score


def is_spent(view: View, setup: Setup, first: int, at: int, params: SmcFiboFlex) -> bool:
    """Whether a setup was stopped before it filled, or has already been answered."""
    for bar in range(first, at):
        if view.bars.low[bar] <= setup.stop and not params.retest_ignore_stop_touch:
            return True
        if answers(view, setup, bar, params):
            return True
    return view.bars.low[at] <= setup.stop and not params.retest_ignore_stop_touch


def in_session(opened_at: int, params: SmcFiboFlex) -> bool:
    if not params.sessions:
        return True
    hour = (opened_at + EIGHT_HOURS) // 3600 % 24
    spans = (SESSIONS[name] for name in params.sessions)
    return any(first <= hour < last or first <= hour + 24 < last for first, last in spans)


class Found(NamedTuple):
    direction: Direction
    setup: Setup
    broke: bool
    confidence: int


def find(candles: Candles, asked: SmcFiboFlex) -> Found | None:
    """The setup that the last bar answers, if none of its own signals is too fresh."""
    params = profiled(candles, asked)
    seen = views(candles, params)
    last = len(candles) - 1
    trend = None
    if asks_higher(params):
        trend = trend_of_swings(
            higher(candles, params.htf_multiplier),
            swing=params.htf_swing,
            fast=params.htf_ema_fast,
            slow=params.htf_ema_slow,
        )
    broke, trends = sides(seen, params)
    made: dict[int, tuple[Direction, Setup] | None] = {}

    def allowed(way: Direction) -> bool:
        if params.direction not in ("both", way.value):
            return False
        if params.require_htf_filter and trend is not way:
            return False
        return not (params.bias == "with_trend" and trend not in (None, way))

    def made_at(at: int, *, by_break: bool) -> tuple[Direction, Setup] | None:
        if at not in made:
            way = broke[at] if by_break else (trends[at] or trend)
            setup = None
            if way is not None and allowed(way):
                setup = setup_at(seen, seen[way], at, broke=by_break, params=params)
            made[at] = None if way is None or setup is None else (way, setup)
        return made[at]

    def pending(at: int) -> tuple[int, Direction, Setup, bool] | None:
        """The newest setup before a bar; one by the trend alone where no bar broke anything."""
        young = range(at - 1, at - 1 - params.retest_bars, -1)
        breaks = [bar for bar in young if broke[bar] is not None]
        for bar in breaks or (young if params.fibo_fallback else ()):
            told = made_at(bar, by_break=bool(breaks))
            if told is not None:
                return bar, *told, bool(breaks)
        return None

    def fires(at: int) -> Found | None:
        if not in_session(int(candles.opened_at[at]), params):
            return None
        if params.entry_mode == "market":
            told = made_at(at, by_break=True) if broke[at] is not None else None
            return None if told is None else Found(*told, True, 70)
        waiting = pending(at)
        if waiting is None:
            return None
        made_on, way, setup, by_break = waiting
        view = seen[way]
        spent = is_spent(view, setup, made_on + 1, at, params)
        if spent or not answers(view, setup, at, params):
            return None
        points = score(view, at, params) if params.require_retest else 0
        return Found(way, setup, by_break, min(95, 70 + 5 * points))

    found, rest = fires(last), longest_rest(params)
    if found is None or not rest:
        return found
    # On which bar it last spoke, for each side.
    spoke = dict.fromkeys(Direction, -rest)

    def is_rested(at: int, way: Direction) -> bool:
        if at - max(spoke.values()) < params.signal_cooldown:
            return False
        return at - spoke[way] >= params.duplicate_signal_filter_bars

    for at in range(last - rest - REPLAYED, last):
        # What no side may say is not looked for.
        if any(is_rested(at, way) for way in Direction):
            told = fires(at)
            if told is not None and is_rested(at, told.direction):
                spoke[told.direction] = at
    return found if is_rested(last, found.direction) else None


def decide(candles: Candles, params: SmcFiboFlex) -> Intent | None:
    found = find(candles, params)
    if found is None:
        return None
    way = sign(found.direction)
    return opening(
        candles,
        found.direction,
        stop=way * found.setup.stop,
        target=way * found.setup.target,
        confidence=found.confidence,
        reason="structure broke" if found.broke else "price is on the trend's better side",
    )


PRESETS: dict[str, dict[str, object]] = {
    "conservative": {
        "min_rr": 2.0,
        "fibo_tolerance": 0.003,
        "pinbar_ratio": 2.0,
        "pattern_min_score": 1.5,
        "auto_profile": "conservative",
    },
    "balanced": {
        "min_rr": 1.8,
        "fibo_levels": (0.382, 0.5, 0.618, 0.705),
        "auto_profile": "medium",
    },
    "aggressive": {
        "min_rr": 1.5,
        "fibo_levels": (0.382, 0.5, 0.618),
        "fibo_tolerance": 0.008,
        "bias": "both",
        "tp_mode": "rr",
        "rr": 3.0,
        "require_retest": False,
        "require_htf_filter": False,
        "auto_profile": "aggressive",
    },
    "forex_specific": {"min_rr": 2.0, "sessions": ("london", "ny"), "auto_profile": "medium"},
    "steady": {
        "min_rr": 1.5,
        "stop_buffer_pct": 1.0,
        "fibo_fallback": False,
        "require_htf_filter": False,
        "signal_cooldown": 20,
    },
}
STRATEGY = Strategy("smc_fibo_flex", SmcFiboFlex, candles_needed, decide, PRESETS)
