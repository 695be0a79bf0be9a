"""The verbs of traders, one file for each subject."""

from apps.traders.services.acting import cancel_resting
from apps.traders.services.cycle import take_turn
from apps.traders.services.dueling import begin_duel, end_duel
from apps.traders.services.keeping import (
    change_manager,
    change_mind,
    change_trader,
    create_manager,
    create_mind,
    create_template,
    create_trader,
)
from apps.traders.services.looking import look, prune
from apps.traders.services.moving import export_trader, import_trader, read_told
from apps.traders.services.running import (
    decide_now,
    pause_trader,
    start_by_themselves,
    start_trader,
    stop_trader,
)
from apps.traders.services.sharing import join_manager, share_out, share_out_due

__all__ = [
    "begin_duel",
    "cancel_resting",
    "change_manager",
    "change_mind",
    "change_trader",
    "create_manager",
    "create_mind",
    "create_template",
    "create_trader",
    "decide_now",
    "end_duel",
    "export_trader",
    "import_trader",
    "join_manager",
    "look",
    "pause_trader",
    "prune",
    "read_told",
    "share_out",
    "share_out_due",
    "start_by_themselves",
    "start_trader",
    "stop_trader",
    "take_turn",
]
