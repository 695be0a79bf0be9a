"""The score over two parameters: whether the best stands on a plain or on a needle."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, pvariance
from typing import Any

from engine.errors import BadParameters
from engine.optimise.search import Search
from engine.optimise.space import Floats, Ordered, Unordered, divided, tidy

# More values of a parameter than this are put together with their neighbours.
MOST_CELLS = 24


@dataclass(frozen=True, slots=True)
class Surface:
    """`cells[row][column]` is of `ys[row]` and `xs[column]`, each the first value of its cell:
    the mean score of the trials there, whatever their other parameters; None where none was
    scored."""

    x: str
    y: str
    xs: list[Any]
    ys: list[Any]
    cells: list[list[float | None]]


@dataclass(frozen=True, slots=True)
class Axis:
    firsts: list[Any]
    # The cell of a value.
    place: Callable[[Any], int]


def surface_of(search: Search, x: str = "", y: str = "") -> Surface | None:
    """Over two parameters of the search: those named, or the two that tell most of the score."""
    axes = {name: axis_of(part) for name, part in divided(search.space).items()}
    for name in (x, y):
        if name and name not in axes:
            raise BadParameters("not sought", field=name, known=sorted(axes))
    if not (x and y):
        rest = [name for name in by_weight(search, axes) if name not in (x, y)]
        x, y = (x or rest.pop(0)), (y or (rest.pop(0) if rest else ""))
    if not y:
        return None
    scores = gathered(search, lambda values: (axes[y].place(values[y]), axes[x].place(values[x])))
    return Surface(
        x=x,
        y=y,
        xs=axes[x].firsts,
        ys=axes[y].firsts,
        cells=[
            [mean_of(scores.get((row, column))) for column in range(len(axes[x].firsts))]
            for row in range(len(axes[y].firsts))
        ],
    )


def axis_of(part: Floats | Ordered | Unordered) -> Axis:
    if isinstance(part, Floats):
        least, width = part.least, (part.most - part.least) / MOST_CELLS
        firsts = [tidy(least + width * place) for place in range(MOST_CELLS)]
        return Axis(firsts, lambda value: min(int((value - least) / width), MOST_CELLS - 1))
    together = -(-len(part.values) // MOST_CELLS)
    return Axis(list(part.values[::together]), lambda value: part.values.index(value) // together)


def by_weight(search: Search, axes: dict[str, Axis]) -> list[str]:
    """The parameters, first the one whose values' mean scores differ most."""

    def weight(name: str) -> float:
        scores = gathered(search, lambda values: axes[name].place(values[name]))
        means = [fmean(each) for each in scores.values()]
        return pvariance(means) if means else 0.0

    return sorted(axes, key=weight, reverse=True)


def gathered(search: Search, place: Callable[[dict[str, Any]], Any]) -> dict[Any, list[float]]:
    """The scores by the place of their values."""
    found: dict[Any, list[float]] = defaultdict(list)
    for trial in search.trials:
        score = search.objective.score(trial.figures)
        if score is not None:
            found[place(trial.values)].append(score)
    return found


def mean_of(scores: list[float] | None) -> float | None:
    return fmean(scores) if scores else None
