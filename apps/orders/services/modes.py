"""An account's margin and position mode are another's business, and change while it holds nothing.

What is written here its venue is told before it next opens anything.
"""

from django.db import transaction

from apps.core.deadlocks import retried
from apps.core.errors import Conflict
from apps.orders.selectors import moving, open_positions
from apps.venues import services as venues
from apps.venues.models import VenueAccount


@retried
@transaction.atomic
def change_modes(*, account: VenueAccount, margin: str = "", position_mode: str = "") -> None:
    """Bring the account to these modes; what is not named stays. The account's row is the lock."""
    fresh = venues.locked(account)
    asked = {"margin": margin, "position_mode": position_mode}
    if any(mode and mode != getattr(fresh, name) for name, mode in asked.items()):
        refuse_busy(fresh)
    venues.change_modes(account=account, margin=margin, position_mode=position_mode)


def refuse_busy(account: VenueAccount) -> None:
    if open_positions([account.pk])[account.pk]:
        raise Conflict("the account holds positions: close them first", account=account.pk)
    if moving([account.pk]).exists():
        raise Conflict("the account has orders under way", account=account.pk)
    if account.is_drifting:
        raise Conflict("its venue holds other than the books say", account=account.pk)
