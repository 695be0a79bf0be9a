"""`manage.py close_positions`: shows, asks, sends, waits, and tells the end of each."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.orders import services
from apps.orders.models import Order, Ticket
from engine.order import OrderStatus
from engine.signal import Direction
from ironbull.management.commands import close_positions
from tests.apps.orders.desk import fill, report
from tests.apps.orders.test_manual import Hand

pytestmark = pytest.mark.django_db


@pytest.fixture
def hand(hints):
    return Hand()


def run(*arguments):
    told = StringIO()
    run.told = told
    call_command("close_positions", *arguments, stdout=told)
    return told.getvalue()


def closing():
    return Ticket.objects.across_tenants().filter(action="close")


@pytest.fixture
def filling(hand, monkeypatch):
    """A node that fills what it is sent, while the command waits."""

    def sleep(_seconds):
        services.dispatch(now=hand.now)
        for order in Order.objects.across_tenants().filter(status="new"):
            hand.desk.hear(report(order, price="51000"))

    monkeypatch.setattr(close_positions.time, "sleep", sleep)


def test_every_position_chosen_is_closed_and_told(hand, filling):
    hand.filled()
    hand.filled(direction=Direction.SHORT)
    told = run("--account", str(hand.account.pk), "--yes")
    assert "2 of 2 are done" in told
    assert told.count("closed at 50000") == 2
    with pytest.raises(CommandError, match="no such open position"):
        run("--all", "--yes")


def test_what_its_venue_left_open_is_not_told_as_closed_until_it_is(hand, monkeypatch):
    position = hand.filled()
    looks = iter((*["left"] * 4, *["closed"] * 4))

    def sleep(_seconds):
        services.dispatch(now=hand.now + timedelta(minutes=1))
        looked = next(looks)
        for order in Order.objects.across_tenants().filter(status="new", ticket__status="sent"):
            if order.generation == 1:
                half = [fill(order, quantity=order.quantity / 2)]
                hand.desk.hear(report(order, OrderStatus.CANCELED, fills=half, reason="thin"))
            elif looked == "closed":
                hand.desk.hear(report(order, price="51000"))

    monkeypatch.setattr(close_positions.time, "sleep", sleep)
    assert "closed at 50000" in run("--account", str(hand.account.pk), "--yes")
    assert [order.filled for order in closing().get().orders.order_by("generation")] == [
        position.quantity / 2,
        position.quantity / 2,
    ]


def test_a_dry_run_shows_what_would_be_refused_and_closes_nothing(hand):
    position = hand.filled()
    member = hand.account.member.email
    assert "to be closed" in run("--member", member, "--dry-run")
    hand.close(position)
    assert "refused: an earlier ticket" in run("--symbol", "BTC/USDT", "--dry-run")
    assert closing().count() == 1


def test_it_asks_first(hand, monkeypatch):
    hand.filled()
    for answer in ("no", "", EOFError()):
        monkeypatch.setattr("builtins.input", answering(answer))
        with pytest.raises(CommandError, match="nothing was done"):
            run("--tenant", "Acme")
    assert not closing().exists()


def answering(answer):
    def ask(_question):
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def test_what_is_not_closed_makes_it_fail(hand):
    hand.filled()
    with pytest.raises(CommandError, match="1 of 1 are not closed"):
        run("--all", "--yes", "--wait", "0")
    assert "planned" in run.told.getvalue()


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ((), "name --tenant"),
        (("--all", "--symbol", "BTC/USDT"), "or else --all"),
        (("--tenant", "Globex"), "--tenant: there is no tenant Globex"),
        (("--account", "987654"), "no such open position"),
        (("--account", "x"), "argument --account"),
        *((("--all", "--share", share), "argument --share") for share in ("0", "101", "NaN", "x")),
        *((("--all", "--wait", wait), "argument --wait") for wait in ("-1", "x", "9" * 9)),
    ],
)
def test_bad_arguments_are_refused_by_name(hand, arguments, refusal):
    with pytest.raises(CommandError, match=refusal):
        run(*arguments)


def test_a_share_of_each_is_closed(hand, filling):
    position = hand.filled()
    half = f"{(position.quantity / 2).normalize():f}"
    assert f"{half} to be closed" in run("--all", "--share", "50", "--dry-run")
    told = run("--all", "--share", "50", "--yes")
    assert "1 of 1 are done" in told
    position.refresh_from_db()
    assert f"{position.quantity.normalize():f}" == half
    with pytest.raises(CommandError):
        run("--all", "--share", "half", "--yes")
