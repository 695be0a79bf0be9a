"""The same question is not paid for twice; and prompts that are tried against each other."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from msgspec.structs import replace

from apps.core.errors import BadInput, Conflict
from apps.traders import services
from apps.traders.models import Decision, Duel, Trader
from apps.traders.selectors import compared, template_of
from engine.deciding.prompt import default_text
from engine.deciding.record import Decided, replay
from tests.apps.traders.desk import Desk, answer, close
from tests.apps.traders.test_bad_answers import SteadyDesk
from tests.factories import DecisionFactory, ItemFactory, ShadeFactory, TraderFactory

pytestmark = pytest.mark.django_db


class CalmDesk(SteadyDesk):
    """Where nothing moves: neither prices nor what indicators say of them."""

    def __init__(self, monkeypatch, **patience):
        super().__init__()
        shown = {"1m": {"ema20": (1.0, 2.0)}}
        monkeypatch.setattr(
            "apps.traders.services.knowing.with_gauges",
            lambda trader, market, *, now: replace(market, indicators=shown),
        )
        services.change_trader(
            trader=self.trader, patience={"failures": 100, **patience}, now=self.now
        )
        self.start()


def test_the_same_question_is_asked_once_and_costs_nothing_the_second_time(monkeypatch):
    desk = CalmDesk(monkeypatch, reuse_seconds=60)
    first = desk.hears(answer(close("ETH/USDT", "hold")))
    second = desk.hears(answer(desk.long()))
    assert len(desk.asked) == 1
    assert (second.reused, second.mind, second.answers) == (first, first.mind, first.answers)
    assert second.calls.count() == 0
    assert second.question == first.question
    record = desk.journal()[-1]
    assert (record.outcome.reused, record.outcome.calls) == (str(first.pk), ())
    assert [replay(one) for one in desk.journal() if isinstance(one, Decided)] == [[], []]
    # It was good for so long, counted from when it was given.
    desk.later(60)
    third = desk.hears(answer())
    assert (third.reused, len(desk.asked)) == (None, 2)


def test_what_is_another_question_is_asked(monkeypatch):
    desk = CalmDesk(monkeypatch, reuse_seconds=600)
    desk.hears(answer())
    services.change_trader(trader=desk.trader, limits={"max_size": 4_000}, now=desk.now)
    assert desk.hears(answer()).reused is None
    other = services.create_template(
        tenant=desk.account.tenant,
        name="other",
        text=default_text().replace("{{context}}", "Now: {{context}}"),
    )
    services.change_trader(trader=desk.trader, template=other, now=desk.now)
    assert desk.hears(answer()).reused is None
    desk.hears(answer())
    assert len(desk.asked) == 3


def test_nothing_is_heard_again_unless_it_was_asked_for(monkeypatch):
    desk = CalmDesk(monkeypatch)
    desk.hears(answer())
    assert desk.hears(answer()).reused is None


# --- duels


def second_prompt(desk, name="bolder"):
    text = default_text().replace("Version: ", "Version: 9.", 1) + "\nBe bold."
    return services.create_template(tenant=desk.account.tenant, name=name, text=text)


def test_by_turns_each_prompt_is_asked_and_known_by_its_decisions():
    desk = Desk().start()
    duel = services.begin_duel(
        trader=desk.trader, second=second_prompt(desk), name="bold or not", now=desk.now
    )
    told = [desk.next(answer()) for _ in range(4)]
    assert [one.template for one in told] == [duel.first, duel.second] * 2
    assert [one.user.endswith("Be bold.") for one in told] == [False, True] * 2
    first, second = compared(duel).first, compared(duel).second
    assert (first.decisions, second.decisions) == (2, 2)
    assert compared(duel).difference is None
    services.end_duel(duel=duel, now=desk.now)
    assert template_of(desk.fresh()) == duel.first
    assert desk.next(answer()).template == duel.first
    assert compared(Duel.objects.across_tenants().get()).first.decisions == 2


def test_in_halves_two_traders_have_the_capital_of_one():
    desk = Desk(is_shadow=True).start()
    services.look(now=desk.now)
    duel = services.begin_duel(
        trader=desk.fresh(), second=second_prompt(desk), name="d", way="halves", now=desk.now
    )
    trader = desk.fresh()
    assert (trader.capital, duel.other.capital) == (5_000, 5_000)
    assert (duel.other.code, duel.other.status) == ("trader-b", Trader.Status.RUNNING)
    assert duel.other.is_shadow
    assert duel.other.template == duel.second
    assert trader.best_equity == 5_000
    services.end_duel(duel=duel, now=desk.now)
    duel.other.refresh_from_db()
    assert duel.other.status == Trader.Status.STOPPED
    with pytest.raises(Conflict, match="has ended"):
        services.end_duel(duel=duel, now=desk.now)


def test_what_cannot_be_tried_is_refused_by_its_field():
    desk = Desk().start()
    second = second_prompt(desk)
    theirs = TraderFactory().template
    for field, told in (
        ("second", {"second": desk.trader.template}),
        ("second", {"second": theirs}),
        ("name", {"name": ""}),
        ("way", {"way": "dice"}),
    ):
        with pytest.raises(BadInput) as refused:
            services.begin_duel(
                **{"trader": desk.trader, "second": second, "name": "d", "now": desk.now} | told
            )
        assert refused.value.context["field"] == field
    services.begin_duel(trader=desk.trader, second=second, name="d", now=desk.now)
    with pytest.raises(Conflict, match="already"):
        services.begin_duel(trader=desk.trader, second=second, name="e", now=desk.now)
    assert Duel.objects.across_tenants().count() == 1


def test_the_better_prompt_is_told_with_how_sure_that_is(capsys):
    desk = Desk(is_shadow=True)
    duel = services.begin_duel(
        trader=desk.trader, second=second_prompt(desk), name="clear", now=desk.now
    )
    for number in range(24):
        template = (duel.first, duel.second)[number % 2]
        decision = DecisionFactory(
            trader=desk.trader, template=template, number=number + 1, journal_number=number + 1,
            at=desk.now, before={"equity": "10000"},
        )  # fmt: skip
        won = Decimal(number % 5) + (30 if number % 2 else 0)
        ShadeFactory(
            item=ItemFactory(decision=decision),
            quantity=Decimal(1),
            entry_fee=Decimal(0),
            entry_price=Decimal(100),
            exit_price=100 + won,
            exit_fee=Decimal(0),
            opened_at=desk.now,
            closed_at=desk.now + timedelta(minutes=number),
        )
    told = compared(duel)
    assert (told.first.trades, told.second.trades) == (12, 12)
    assert told.second.net > told.first.net
    assert told.difference.is_sure
    assert 0 < told.difference.interval.low < told.difference.mean < told.difference.interval.high
    assert compared(duel) == told
    call_command("trader", "compare", "clear")
    assert "B over A: +0.3" in capsys.readouterr().out
    assert Decision.objects.across_tenants().filter(template=duel.second).count() == 12
