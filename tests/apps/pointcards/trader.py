"""What the tests of charges share: members who follow a strategy, and what their closes came to."""

from decimal import Decimal

from apps.positions.models import Position
from tests.factories import CloseFactory, PositionFactory, SubscriptionFactory, VenueAccountFactory


def follower(shop, **cards):
    """The subscription of a new member with these cards."""
    return SubscriptionFactory(venue_account=VenueAccountFactory(member=shop.member(**cards)))


def close(subscription, profit, fee="0", entry_fee="0"):
    position = PositionFactory(
        subscription=subscription, quantity=0, status=Position.Status.CLOSED, open_key=None
    )
    return CloseFactory(
        position=position,
        profit=Decimal(profit),
        fee=Decimal(fee),
        entry_fee=Decimal(entry_fee),
    )
