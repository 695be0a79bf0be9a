"""A status moves in one way everywhere: a table on the model, and one function that claims."""

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import Conflict


def move(row, *, to, allowed, **changes) -> None:
    """Change a row's status once, even if two workers try at the same moment."""
    came_from = [old for old, nexts in allowed.items() if to in nexts]
    claimed = type(row)._base_manager.filter(pk=row.pk, status__in=came_from)
    if claimed.update(status=to, **changes) != 1:
        row.refresh_from_db(fields=["status"])
        raise Conflict(f"{row} cannot become {to}", status=row.status)
    row.refresh_from_db()


def move_all(rows, *, to, allowed, **changes) -> None:
    """Change the status of many rows in one statement: all of them, or none."""
    if not rows:
        return
    came_from = [old for old, nexts in allowed.items() if to in nexts]
    keys = {row.pk for row in rows}
    claimed = type(rows[0])._base_manager.filter(pk__in=keys, status__in=came_from)
    with transaction.atomic():
        if claimed.update(status=to, **changes) != len(keys):
            raise Conflict(f"not every one of {len(keys)} rows can become {to}")


@retried
@transaction.atomic
def change_status(row, *, to: str, action: str) -> None:
    """Move a row as somebody asked for it, and have the audit trail know."""
    before = row.status
    move(row, to=to, allowed=row.MOVES)
    audit.record(action, row, before={"status": before}, after={"status": to})
