"""The published Merchant API, as merchants' clients know it: its paths, its words, its envelope."""

from apps.merchant.v1 import cards, distribution, members, strategies
from apps.merchant.v1.envelope import face

__all__ = ["cards", "distribution", "face", "members", "strategies"]
