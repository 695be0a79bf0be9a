"""The published table of that experiment, and ours beside it."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.making.experiment import Outcome, Symmetric, play
from engine.making.quoting import Market, Session, Stationary
from engine.making.units import PriceVolatility
from engine.making.worth import certain_equivalent

MARKET = Market(sigma=PriceVolatility(2.0), a=140.0, k=1.5)


@dataclass(frozen=True, slots=True)
class Row:
    gamma: float
    is_symmetric: bool
    spread: float
    profit: float
    profit_deviation: float
    inventory: float
    inventory_deviation: float

    @property
    def name(self) -> str:
        return "symmetric" if self.is_symmetric else "inventory"


# Avellaneda and Stoikov, High-frequency trading in a limit order book, Quantitative Finance 8
# (2008), tables 1 to 3: a thousand paths.
PUBLISHED = (
    Row(0.1, False, 1.49, 65.0, 6.6, 0.08, 2.9),
    Row(0.1, True, 1.49, 68.4, 12.7, 0.26, 8.4),
    Row(0.01, False, 1.35, 68.6, 8.7, 0.12, 5.1),
    Row(0.01, True, 1.35, 68.8, 12.8, 0.09, 8.7),
    Row(1.0, False, 3.02, 31.4, 5.0, 0.02, 1.7),
    Row(1.0, True, 3.02, 44.0, 11.0, 0.00, 5.1),
)


@dataclass(frozen=True, slots=True)
class Compared:
    published: Row
    ours: Outcome


def compare(*, paths: int, seed: int) -> Iterator[Compared]:
    """Row by row, in the order of the table; a twin has the spread that its other had."""
    spread = 0.0
    for row in PUBLISHED:
        quoting = Symmetric(spread / 2) if row.is_symmetric else Session(MARKET, row.gamma)
        outcome = play(quoting, MARKET, paths=paths, seed=seed)
        spread = outcome.spread
        yield Compared(row, outcome)


def closed_form(gamma: float, *, paths: int, seed: int) -> Outcome:
    """The same market, quoted by the closed form."""
    return play(Stationary(MARKET, gamma), MARKET, paths=paths, seed=seed)


def sure(gamma: float) -> tuple[float, float]:
    """Exactly: what the paper's formula is worth at this gamma, and what the closed form is."""
    by_paper, closed = (
        certain_equivalent(quoting, MARKET, gamma)
        for quoting in (Session(MARKET, gamma), Stationary(MARKET, gamma))
    )
    return by_paper, closed
