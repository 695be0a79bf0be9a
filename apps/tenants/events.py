"""What a tenant's server can be told of: the verbs of every noun."""

from engine.making.actions import AlertKind, State
from engine.order import ENDS

EVENTS: dict[str, tuple[str, ...]] = {
    "order": tuple(sorted(ENDS)),
    "position": ("opened", "closed", "unprotected"),
    "cards": ("recharged", "transferred"),
    "charge": ("made",),
    "reward": ("paid",),
    "subscription": ("paused", "resumed"),
    "withdrawal": ("requested", "approved", "rejected", "completed"),
    "member": ("created", "disabled", "enabled", "moved", "level_changed"),
    "maker": (*State, *AlertKind),
    "trader": ("started", "paused", "stopped", "failed", "budget_near", "budget_spent"),
    "tenant": ("suspended", "resumed"),
}
NAMES = frozenset(f"{noun}.{verb}" for noun, verbs in EVENTS.items() for verb in verbs)
