"""Margin, position mode and leverage of a ticket are the account's before its first order."""

import itertools
import time
from decimal import Decimal

import pytest

from engine.errors import VenueRefused
from engine.messages import Margin, PositionMode
from engine.signal import Action, Direction
from engine.venues import open_venue
from engine.venues.paper import PaperVenue
from tests.engine.paper.clients import Control, serving
from tests.engine.tickets import ticket
from workers.vault import Credentials

HEDGE, ONE_WAY = PositionMode.HEDGE, PositionMode.ONE_WAY
CLOSE = {"action": Action.CLOSE}


class AtTheService:
    """An account of the local service, through the adapter of its dialect."""

    def __init__(self, service, dialect):
        self.control = Control(service)
        key = self.control.open(dialect)
        self.name = key["account"]
        credentials = Credentials(key["api_key"], key["secret"], key["passphrase"])
        self.venue = open_venue(dialect, credentials, base_url=service.address)

    def truth(self):
        return self.control.truth(self.name)


class AtPaper:
    def __init__(self, book):
        self.venue = PaperVenue(book, "1")

    def truth(self):
        return self.venue.truth()


@pytest.fixture(scope="module")
def service():
    with serving() as service:
        yield service


@pytest.fixture(params=["binance", "okx", "gate", "paper"])
def account(request, service, tmp_path):
    if request.param == "paper":
        return AtPaper(tmp_path)
    return AtTheService(service, request.param)


names = itertools.count()


def placed(account, mode, **changes):
    told = {
        "quantity": "0.02",
        "client_order_id": f"ib{next(names):024}",
        "not_after_ms": int(time.time() * 1000) + 20_000,
        "position_mode": mode,
    }
    return account.venue.place(ticket(**told | changes))


@pytest.mark.parametrize("margin", Margin)
@pytest.mark.parametrize("mode", PositionMode)
def test_an_account_is_brought_to_what_its_first_ticket_says(account, mode, margin):
    placed(account, mode, margin=margin, leverage=7)
    (held,) = account.venue.holdings()
    assert (held.margin, held.leverage, held.direction) == (margin, 7, Direction.LONG)
    assert account.truth()["is_hedged"] is (mode is HEDGE)
    placed(account, mode, margin=margin, leverage=7, quantity="0.01", **CLOSE)
    assert [one.quantity for one in account.venue.holdings()] == [Decimal("0.01")]
    placed(account, mode, margin=margin, leverage=7, quantity="0.01", **CLOSE)
    assert account.venue.holdings() == []


def test_an_account_with_nothing_open_goes_from_one_mode_to_the_other_and_back(account):
    for mode in (ONE_WAY, HEDGE, ONE_WAY):
        placed(account, mode)
        assert account.truth()["is_hedged"] is (mode is HEDGE)
        placed(account, mode, **CLOSE)


def test_one_way_is_refused_while_something_is_held_and_nothing_is_placed(account):
    placed(account, HEDGE)
    with pytest.raises(VenueRefused, match=r"one-way|there is a position"):
        placed(account, ONE_WAY)
    assert len(account.truth()["orders"]) == 1
    # What is held is closed all the same, and then the account can be brought to it.
    placed(account, ONE_WAY, **CLOSE)
    placed(account, ONE_WAY)
    assert account.truth()["is_hedged"] is False


def test_with_one_side_the_other_is_not_opened_over_it(account):
    placed(account, ONE_WAY)
    for mode in PositionMode:
        with pytest.raises(VenueRefused, match=r"one side only|there is a position"):
            placed(account, mode, direction=Direction.SHORT)
    assert len(account.truth()["orders"]) == 1


def test_binance_lowers_no_leverage_of_what_is_held_isolated_and_nothing_is_placed(service):
    account = AtTheService(service, "binance")
    placed(account, HEDGE, leverage=10)
    with pytest.raises(VenueRefused, match="-4161"):
        placed(account, HEDGE, direction=Direction.SHORT, leverage=5)
    assert len(account.truth()["orders"]) == 1
    assert [(one.leverage, one.direction) for one in account.venue.holdings()] == [
        (10, Direction.LONG)
    ]
    # It may be raised, and what is held is closed whatever its ticket says.
    placed(account, HEDGE, direction=Direction.SHORT, leverage=20)
    placed(account, HEDGE, leverage=5, **CLOSE)
    placed(account, HEDGE, leverage=5, direction=Direction.SHORT, **CLOSE)
    placed(account, HEDGE, leverage=5)
    assert [one.leverage for one in account.venue.holdings()] == [5]


def test_binance_lowers_the_leverage_of_what_is_held_cross(service):
    account = AtTheService(service, "binance")
    placed(account, HEDGE, margin=Margin.CROSS, leverage=10)
    placed(account, HEDGE, margin=Margin.CROSS, leverage=5)
    assert [one.leverage for one in account.venue.holdings()] == [5]
