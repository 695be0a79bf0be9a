"""How a command shows rows on a terminal."""

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as what stands in them; numbers to the right."""
    lines = [[str(cell) for cell in row] for row in [headings, *rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    kinds = [{type(row[place]) for row in rows} for place in range(len(headings))]

    def shown(cells: Sequence[str]) -> str:
        columns = zip(cells, widths, kinds, strict=True)
        padded = (
            cell.rjust(width) if kind == {int} else cell.ljust(width)
            for cell, width, kind in columns
        )
        return "  ".join(padded).rstrip()

    rule = ["-" * width for width in widths]
    return "\n".join(map(shown, [lines[0], rule, *lines[1:]]))
