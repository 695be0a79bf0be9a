"""What stops a trader by itself; and its manager, which gives and takes."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from apps.core.errors import BadInput, Conflict
from apps.orders.models import Ticket
from apps.traders import services
from apps.traders.models import Allocation, Decision, Mind, Spending, Template, Trader
from apps.traders.selectors import books_of
from engine.deciding.record import Decided, replay
from tests.apps.traders.desk import Desk, answer
from tests.factories import TraderFactory

pytestmark = pytest.mark.django_db


def test_too_many_failures_pause_it_and_a_person_starts_it_anew():
    desk = Desk(failure_least=5, patience={"failures": 100}).start()
    for _ in range(5):
        desk.next("no", "no")
    trader = desk.fresh()
    assert (trader.status, trader.reason) == ("paused", "5 of its last 5 decisions failed")
    assert desk.next(answer(desk.long())) is None
    desk.start()
    assert desk.turn(answer(desk.long())).status == Decision.Status.DONE
    assert desk.fresh().status == "running"


def test_one_failure_in_ten_is_not_too_many():
    desk = Desk(failure_least=5).start()
    for number in range(10):
        desk.next(*(["no", "no"] if number == 9 else [answer()]))
    assert desk.fresh().status == "running"


def test_a_deep_fall_pauses_it_and_leaves_what_it_holds():
    desk = Desk(drawdown_percent=5).start()
    services.look(now=desk.now)
    desk.turn(answer(desk.long()))
    desk.fill(Ticket.objects.across_tenants().get(), price=desk.price())
    position = desk.trader.positions.get()
    position.realized = Decimal(-600)
    position.save()
    desk.later(60)
    services.look(now=desk.now)
    trader = desk.fresh()
    assert trader.status == "paused"
    # The price goes on meanwhile, and moves what is open a little.
    (lost,) = re.findall(r"it has lost ([0-9.]+) %", trader.reason)
    assert float(lost) == pytest.approx(6, abs=0.5)
    assert Ticket.objects.across_tenants().count() == 1
    assert trader.samples.count() == 2


def test_a_bad_sharpe_rests_it_for_a_while_and_then_it_may_try():
    desk = Desk(sharpe_floor=0.0, sharpe_pause_seconds=600).start()
    for minute, equity in enumerate((10_000, 9_900, 9_850, 9_700)):
        desk.trader.samples.create(
            tenant=desk.account.tenant,
            at=desk.now + timedelta(seconds=minute),
            capital=10_000,
            equity=equity,
            realised=0,
            unrealised=0,
            hour=0,
            minute=minute,
        )
    assert desk.turn(answer(desk.long())) is None
    assert "below 0.0" in desk.fresh().skipped_because
    desk.later(300)
    assert desk.turn() is None
    assert "rests until" in desk.fresh().skipped_because
    desk.later(301)
    assert desk.turn() is not None


def test_near_its_budget_it_is_told_once_and_past_it_nobody_is_asked(hints):
    # Each call comes to 0.0011, and is only made where 0.0051 and the words fit in.
    prices = {"input_price": 1, "output_price": 1, "max_tokens": 64}
    desk = Desk(budget={"daily_cost": 0.02}, mind_params=prices, interval_seconds=5).start()
    while desk.next(answer()) is not None:
        pass
    assert "daily_cost" in desk.fresh().skipped_because
    spent = Spending.objects.across_tenants().get()
    assert spent.cost <= Decimal("0.02")
    asked = len(desk.asked)
    desk.next(answer())
    assert len(desk.asked) == asked
    assert desk.fresh().status == "running"


def test_past_its_cap_the_dear_model_gives_way_to_the_cheap_one():
    desk = Desk(minds=("cheap",), interval_seconds=5)
    dear = desk.mind("dear", input_price=10, output_price=10, max_tokens=64, daily_cost=0.3)
    services.change_trader(trader=desk.trader, minds=[dear, desk.minds[0]], now=desk.now)
    desk.start()
    minds = [desk.next(answer()).mind for _ in range(40)]
    assert minds[0] == "dear"
    assert minds[-1] == "cheap"
    assert minds == sorted(minds, reverse=True)


def test_a_vote_wants_more_than_half_and_a_judge_has_the_last_word():
    desk = Desk(minds=("a", "b", "c"), counsel="vote").start()
    decision = desk.turn(
        answer(desk.long(), desk.long("ETH/USDT")), answer(desk.long()), answer(desk.short())
    )
    assert decision.mind == "vote"
    assert [item.symbol for item in desk.items()] == ["BTC/USDT"]
    services.change_trader(trader=desk.trader, counsel="judge", now=desk.now)
    decision = desk.next(answer(), answer(), answer(desk.long("SOL/USDT")))
    assert decision.mind == "c"
    assert "<opinions>" in desk.asked[-1]["messages"][-1]["content"]
    assert [replay(one) for one in desk.journal() if isinstance(one, Decided)] == [[], []]


# --- a manager


def managed(**values):
    desk = Desk()
    other = Desk(account=desk.account, minds=("two",), code="other")
    manager = services.create_manager(
        tenant=desk.account.tenant,
        name="m",
        now=desk.now,
        **{"total": Decimal(100_000), "strategy": "equal", **values},
    )
    for trader, share in ((desk.trader, 40), (other.trader, 30)):
        services.join_manager(
            trader=trader, manager=manager, share_percent=Decimal(share), now=desk.now
        )
    return desk, other, manager


def test_who_joins_is_given_its_share_and_never_more_than_is_there():
    desk, other, manager = managed()
    assert (desk.fresh().capital, other.fresh().capital) == (40_000, 30_000)
    third = TraderFactory(venue_account=desk.account, template=desk.trader.template)
    with pytest.raises(BadInput, match="90"):
        services.join_manager(
            trader=third, manager=manager, share_percent=Decimal("20.01"), now=desk.now
        )
    with pytest.raises(Conflict, match="already"):
        services.join_manager(
            trader=desk.trader, manager=manager, share_percent=Decimal(1), now=desk.now
        )
    assert Allocation.objects.across_tenants().count() == 2


def test_it_moves_capital_by_steps_and_keeps_each_with_what_it_followed_from():
    desk, other, manager = managed(step_percent=Decimal(3))
    services.share_out_due(now=desk.now)
    assert (desk.fresh().capital, other.fresh().capital) == (43_000, 33_000)
    services.share_out(manager=manager, now=desk.now)
    services.share_out(manager=manager, now=desk.now)
    assert (desk.fresh().capital, other.fresh().capital) == (45_000, 39_000)
    last = Allocation.objects.across_tenants().first()
    assert last.inputs["total"] == "100000.00000000"
    assert Decimal(last.inputs["now"]) == 36
    manager.refresh_from_db()
    assert manager.next_at == desk.now + timedelta(hours=1)
    books = books_of([desk.trader, other.trader], now=desk.now)
    assert sum(one.equity for one in books.values()) <= 90_000


def test_it_moves_nothing_by_old_figures():
    desk, _other, manager = managed()
    desk.start()
    services.share_out(manager=manager, now=desk.now + timedelta(hours=1))
    manager.refresh_from_db()
    assert manager.problem == "nothing is known of trader lately"
    assert desk.fresh().capital == 40_000


# --- what it is made of


def test_a_templates_version_has_one_text():
    desk = Desk()
    text = desk.trader.template.text
    again = services.create_template(tenant=desk.account.tenant, name="house", text=text)
    assert again == desk.trader.template
    with pytest.raises(Conflict, match="another version"):
        services.create_template(tenant=desk.account.tenant, name="house", text=text + "x")
    assert Template.objects.across_tenants().count() == 1


def test_a_key_is_sealed_to_its_address():
    desk = Desk()
    mind = services.change_mind(mind=desk.minds[0], key="sk-0123456789")
    assert "sk-" not in mind.key
    assert mind.key_hint == "6789"
    with pytest.raises(BadInput, match="anew"):
        services.change_mind(mind=mind, base_url="http://127.0.0.1:1/v1")
    assert Mind.objects.across_tenants().get().base_url == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("symbols", {"symbols": []}),
        ("symbols", {"symbols": ["BTC/USDT", "BTC/USDT"]}),
        ("symbols", {"symbols": ["NO/USDT"]}),
        ("symbols", {"symbols": "BTC/USDT"}),
        ("timeframes", {"timeframes": ["7m"]}),
        ("limits", {"limits": {"max_size": -1}}),
        ("limits", {"limits": {"x": 1}}),
        ("limits", {"limits": []}),
        ("budget", {"budget": {"daily_cost": "much"}}),
        ("patience", {"patience": {"failures": 0}}),
        ("interval_seconds", {"interval_seconds": 1}),
        ("slippage_bps", {"slippage_bps": 0}),
        ("drawdown_percent", {"drawdown_percent": Decimal(101)}),
        ("counsel", {"counsel": "dice"}),
        ("minds", {"counsel": "judge"}),
        ("minds", {"minds": []}),
        ("capital", {"capital": Decimal(1)}),
    ],
)
def test_a_change_is_refused_by_the_field_that_is_wrong(field, values):
    desk = Desk()
    with pytest.raises(BadInput) as refused:
        services.change_trader(trader=desk.trader, now=desk.now, **values)
    assert refused.value.context["field"] == field
    assert desk.fresh().symbols == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]


@pytest.mark.usefixtures("journals")
class StatusMachine(RuleBasedStateMachine):
    """A trader goes only where its table leads; every other way is refused, and changes nothing."""

    VERBS = {
        "running": lambda trader, now: services.start_trader(trader=trader, now=now),
        "paused": lambda trader, now: services.pause_trader(trader=trader, now=now),
        "stopped": lambda trader, now: services.stop_trader(trader=trader, now=now),
    }

    def __init__(self):
        super().__init__()
        self.desk = MACHINE.pop()
        MACHINE.append(self.desk)
        Trader._base_manager.update(status="stopped", lease="", leased_until=None)
        self.status = "stopped"

    def go(self, to):
        try:
            self.VERBS[to](self.desk.fresh(), self.desk.now)
        except Conflict:
            assert to not in Trader.MOVES[self.status]
        else:
            assert to in Trader.MOVES[self.status]
            self.status = to

    @rule()
    def start(self):
        self.go("running")

    @rule()
    def pause(self):
        self.go("paused")

    @rule()
    def stop(self):
        self.go("stopped")

    @rule()
    def decide(self):
        decision = self.desk.next(answer())
        assert (decision is not None) == (self.status == "running")

    @precondition(lambda self: self.status == "running")
    @rule()
    def decide_now(self):
        services.decide_now(trader=self.desk.fresh(), now=self.desk.now)
        assert self.desk.turn(answer()) is not None

    @invariant()
    def it_is_as_it_was_left(self):
        trader = self.desk.fresh()
        assert (trader.status, trader.lease) == (self.status, "")
        assert trader.decided == trader.decisions.count()


MACHINE = []


def test_any_walk_through_its_statuses():
    MACHINE[:] = [Desk()]
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        StatusMachine, settings=hypothesis_settings(max_examples=15, stateful_step_count=12)
    )
