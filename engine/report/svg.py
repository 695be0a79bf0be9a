"""Pictures that need no script: a line with dots, and cells in shades."""

from collections.abc import Sequence
from html import escape
from typing import Any

from engine.optimise import Surface
from engine.report.html import number

WIDTH, HEIGHT, EDGE = 720, 220, 60
CELL, LEFT, BELOW = 28, 110, 60


def line(points: Sequence[tuple[float, float]], dots: Sequence[tuple[float, float]] = ()) -> str:
    """A line, and dots beside it, with the highest and the lowest value told."""
    every = [*points, *dots]
    if not every:
        return ""
    left, right = min(x for x, _ in every), max(x for x, _ in every)
    low, high = min(y for _, y in every), max(y for _, y in every)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / ((right - left) or 1)
        up = (y - low) / ((high - low) or 1)
        return EDGE + across * (WIDTH - EDGE - 8), HEIGHT - 12 - up * (HEIGHT - 24)

    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*each) for each in points))
    spots = "".join(
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2" opacity=".5"/>'
        for x, y in (place(*each) for each in dots)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f'<rect class="none" x="{EDGE}" y="8" width="{WIDTH - EDGE - 4}" height="{HEIGHT - 16}"/>'
        f'<text x="{EDGE - 6}" y="18" text-anchor="end">{number(high)}</text>'
        f'<text x="{EDGE - 6}" y="{HEIGHT - 10}" text-anchor="end">{number(low)}</text>'
        f'{spots}<polyline class="curve" points="{path}"/></svg>\n'
    )


def surface_svg(surface: Surface | None) -> str:
    """The fuller a cell, the better; an empty frame where nothing was scored."""
    if surface is None:
        return ""
    told = [score for row in surface.cells for score in row if score is not None]
    if not told:
        return ""
    low, spread = min(told), (max(told) - min(told)) or 1.0
    rows = len(surface.ys)
    width, height = LEFT + CELL * len(surface.xs) + 8, CELL * rows + BELOW
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img">']
    for row, scores in enumerate(reversed(surface.cells)):
        y = surface.ys[rows - 1 - row]
        parts.append(text(LEFT - 6, row * CELL + 18, label(y), "end"))
        for column, score in enumerate(scores):
            name = f"{surface.x} {label(surface.xs[column])}, {surface.y} {label(y)}"
            shade = 0.08 + 0.92 * (score - low) / spread if score is not None else None
            parts.append(cell(LEFT + column * CELL, row * CELL, shade, f"{name}: {number(score)}"))
    for column, x in enumerate(surface.xs):
        if column % max(1, len(surface.xs) // 8) == 0:
            parts.append(text(LEFT + column * CELL + CELL // 2, rows * CELL + 16, label(x)))
    parts.append(text(LEFT + (width - LEFT) // 2, rows * CELL + 40, surface.x))
    parts.append(text(4, 18, surface.y, "start"))
    return "".join([*parts, "</svg>\n"])


def cell(x: int, y: int, shade: float | None, told: str) -> str:
    look = 'class="none"' if shade is None else f'class="cell" opacity="{shade:.2f}"'
    size = CELL - 2
    return (
        f'<rect {look} x="{x}" y="{y}" width="{size}" height="{size}">'
        f"<title>{escape(told)}</title></rect>"
    )


def text(x: int, y: int, told: str, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(told)}</text>'


def label(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"
