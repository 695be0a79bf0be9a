"""A status moves in one way everywhere: a table on the model, and one function that claims."""

from apps.core.errors import Conflict


def move(row, *, to, allowed, **changes) -> None:
    """Change a row's status once, even if two workers try at the same moment."""
    came_from = [old for old, nexts in allowed.items() if to in nexts]
    claimed = type(row)._base_manager.filter(pk=row.pk, status__in=came_from)
    if claimed.update(status=to, **changes) != 1:
        row.refresh_from_db(fields=["status"])
        raise Conflict(f"{row} cannot become {to}", status=row.status)
    row.refresh_from_db()
