"""On which queue a task waits, and behind what."""

import pytest

from ironbull.celery import app
from ironbull.schedule import SCHEDULE

SWEEPS = [name for name in SCHEDULE if name.endswith(".sweep")]


def queue_of(task):
    return app.amqp.router.route({}, task)["queue"].name


@pytest.mark.parametrize("task", SWEEPS)
def test_a_sweep_never_waits_behind_what_it_takes_up_again(task):
    taken_up = ("orders.plan", "orders.dispatch", "orders.record_reports", "rewards.settle")
    others = {queue_of(name) for name in (*taken_up, "orders.record_state", "backtests.work")}
    assert queue_of(task) not in others


def test_the_sweeps_of_orders_and_rewards_are_among_them():
    assert {"orders.sweep", "rewards.sweep"} <= set(SWEEPS)


@pytest.mark.parametrize("task", ["orders.plan", "orders.dispatch"])
def test_a_signal_never_waits_behind_what_waits_for_others(task):
    others = ("tenants.deliver", "venues.fetch_candles", "orders.record_state", "signals.scan")
    assert queue_of(task) not in {queue_of(name) for name in others}
