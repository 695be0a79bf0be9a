"""The verbs of rewards: settling what was charged, and paying rewards out."""

from apps.rewards.services.levels import recompute_all_levels, recompute_levels
from apps.rewards.services.settling import settle_closes, settle_failed, sweep
from apps.rewards.services.withdrawals import (
    approve_withdrawal,
    complete_withdrawal,
    reject_withdrawal,
    request_withdrawal,
)

__all__ = [
    "approve_withdrawal",
    "complete_withdrawal",
    "recompute_all_levels",
    "recompute_levels",
    "reject_withdrawal",
    "request_withdrawal",
    "settle_closes",
    "settle_failed",
    "sweep",
]
