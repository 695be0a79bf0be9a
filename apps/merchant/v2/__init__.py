"""The Merchant API in plain REST: nouns, status codes, pages by cursor, problems as RFC 9457."""

from apps.merchant.v2 import cards, members, rewards, strategies
from apps.merchant.v2.problem import face

__all__ = ["cards", "face", "members", "rewards", "strategies"]
