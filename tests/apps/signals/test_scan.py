"""A closed bar is decided once, and what stands in the way is told."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.signals import services
from apps.signals.models import Signal
from apps.strategies.models import Strategy, Watch
from engine.signal import Action, Direction, Intent
from engine.strategies import strategy_named
from tests.factories import SubscriptionFactory

NOW = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)


@pytest.fixture
def strategy(db):
    subscription = SubscriptionFactory()
    strategy = subscription.tenant_strategy.strategy
    Strategy.objects.filter(pk=strategy.pk).update(
        timeframe="2s", params={"fast_ma": 3, "slow_ma": 8, "direction": "long"}
    )
    strategy.refresh_from_db()
    return strategy


def scan_for(seconds):
    for second in range(seconds):
        services.scan(now=NOW + timedelta(seconds=second))


def intent(**fields):
    wish = {
        "action": Action.OPEN,
        "direction": Direction.LONG,
        "price": Decimal(50_000),
        "confidence": 80,
        "reason": "because",
    }
    return Intent(**{**wish, **fields})


def publish(strategy, *, now=NOW, bars_late=0, bar_at=NOW, **fields):
    return services.publish_signal(
        strategy=strategy,
        symbol="BTC/USDT",
        bar_at=bar_at,
        intent=intent(**fields),
        bars_late=bars_late,
        now=now,
    )


def test_a_moving_market_raises_signals_by_itself(strategy, hints):
    scan_for(120)
    signals = list(Signal.objects.order_by("bar_at"))
    assert {signal.action for signal in signals} == {Action.OPEN, Action.CLOSE}
    assert len(hints.named("orders.plan")) == len(signals)
    # A cross up is followed by a cross down, and so on.
    assert all(one.action != next_.action for one, next_ in itertools.pairwise(signals))


def test_each_bar_is_decided_once(strategy, monkeypatch):
    decided = []
    rule = strategy_named("ma_cross")
    monkeypatch.setattr(
        type(rule), "read_params", lambda self, values: decided.append(1) or rule.params()
    )
    for _ in range(5):
        services.scan(now=NOW)
    assert len(decided) == 1


def test_a_paused_strategy_is_not_looked_at(strategy):
    strategy.status = Strategy.Status.PAUSED
    strategy.save()
    assert services.scan(now=NOW) == 0
    assert not Watch.objects.exists()


@pytest.mark.parametrize(
    ("case", "changes", "told"),
    [
        ("an unknown rule", {"rule": "crystal_ball"}, "unknown strategy"),
        ("parameters out of bounds", {"params": {"fast_ma": 0}}, "fast_ma"),
        ("a symbol nobody trades", {"symbols": ["NOPE/USDT"]}, "NOPE/USDT"),
    ],
)
def test_trouble_is_told_on_the_watch_and_nothing_is_published(strategy, case, changes, told):
    Strategy.objects.filter(pk=strategy.pk).update(**changes)
    services.scan(now=NOW)
    assert told in Watch.objects.get().problem
    assert not Signal.objects.exists()


def test_one_strategys_trouble_stays_its_own(strategy):
    broken = SubscriptionFactory().tenant_strategy.strategy
    Strategy.objects.filter(pk=broken.pk).update(rule="crystal_ball")
    scan_for(60)
    assert Signal.objects.filter(strategy=strategy).exists()
    assert not Signal.objects.filter(strategy=broken).exists()


def test_the_same_cause_is_published_once(strategy, hints):
    first, second = publish(strategy), publish(strategy)
    assert first == second
    assert Signal.objects.count() == 1
    assert len(hints.named("orders.plan")) == 1


@pytest.mark.parametrize(
    ("case", "code", "arguments"),
    [
        ("little confidence", "confidence", {"confidence": 10}),
        ("a stale bar", "stale", {"bars_late": 3}),
    ],
)
def test_a_refused_signal_is_kept_with_its_reasons_and_goes_nowhere(
    strategy, hints, case, code, arguments
):
    signal = publish(strategy, **arguments)
    assert signal.status == Signal.Status.REFUSED
    assert [refusal["code"] for refusal in signal.refusals] == [code]
    assert hints.named("orders.plan") == []


def test_a_cool_down_holds_back_opening_but_never_closing(strategy):
    strategy.cooldown_seconds = 3600
    strategy.save()
    first = publish(strategy)
    soon = {"now": first.created_at + timedelta(seconds=10), "bar_at": NOW + timedelta(seconds=2)}
    assert publish(strategy, **soon).status == Signal.Status.REFUSED
    closing = publish(strategy, **soon, action=Action.CLOSE)
    assert closing.status == Signal.Status.PUBLISHED
