"""The verbs of makers: what they are told, how they run, and how they are heard."""

from apps.market_making.services.braking import stop_opening
from apps.market_making.services.hearing import record_report
from apps.market_making.services.keeping import prune
from apps.market_making.services.running import (
    give_up_maker,
    halt_maker,
    release_maker,
    start_maker,
    stop_maker,
)
from apps.market_making.services.telling import (
    Derived,
    change_maker,
    create_maker,
    derive,
)
from apps.market_making.services.wishing import renew_leases

__all__ = [
    "Derived",
    "change_maker",
    "create_maker",
    "derive",
    "give_up_maker",
    "halt_maker",
    "prune",
    "record_report",
    "release_maker",
    "renew_leases",
    "start_maker",
    "stop_maker",
    "stop_opening",
]
