"""The verbs of point cards: what moves them, and what profits cost."""

from apps.pointcards.services.cards import recharge_member, recharge_tenant, transfer_cards
from apps.pointcards.services.charging import charge_closes, pause_unpaid

__all__ = [
    "charge_closes",
    "pause_unpaid",
    "recharge_member",
    "recharge_tenant",
    "transfer_cards",
]
