"""A maker is started, stopped, halted and released: what holds, what is refused, twice, at once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import transaction
from nacl.signing import SigningKey

from apps.core.audit import acting
from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.market_making import services
from apps.market_making.models import Command, Maker, Session, Version
from apps.nodes.models import Node
from apps.orders.services import assign_account
from apps.venues.services import bind_account, change_modes, unbind_account
from engine.envelope import read, verify
from engine.making.forms import preset
from engine.messages import MakerVerb, MakerWish
from tests.apps.market_making.desk import Desk, order
from tests.apps.market_making.test_hearing import figures
from tests.at_once import at_once
from tests.factories import (
    NodeFactory,
    TicketFactory,
    VenueAccountFactory,
)

pytestmark = pytest.mark.django_db
S = Session.Status


def create(account, form="strategy", **asked):
    return services.create_maker(account=account, symbol="BTC/USDT", form=form, asked=asked)


def account(**fields):
    return VenueAccountFactory(position_mode="one_way", **fields)


def wishes(hints, desk):
    """What was sent to the node, opened as it would."""
    found = []
    for told in hints.named("node.make"):
        claimed, payload, signature = read(told["envelope"], receiver=desk.node.code)
        from_centre = centre_key()
        found.append(verify(claimed, payload, signature, key=from_centre, expected=MakerWish))
    return found


def centre_key():
    return SigningKey(settings.CENTRE_SIGNING_KEY).verify_key


# --- what it is told


def test_a_form_becomes_all_parameters_and_the_first_version():
    with acting("alice"):
        maker = create(account(), gamma=0.2)
    version = Version.objects.of(maker.tenant).get(maker=maker)
    assert (version.number, version.form, version.changed_by) == (1, "strategy", "alice")
    assert version.asked == {"gamma": 0.2}
    assert version.params["gamma"] == 0.2
    # What the form does not say is the venue's preset.
    assert version.params["min_spread_bps"] == preset("paper", "BTC/USDT").min_spread_bps


def test_a_goal_says_what_it_comes_to_before_anything_is_changed():
    asked = {"capital": 100, "hourly_volume": 60_000, "profile": "safe"}
    derived = services.derive(venue="paper", symbol="BTC/USDT", form="goal", asked=asked)
    assert derived.params.max_order_notional == 350
    assert derived.preview.half_spread_bps > 0
    assert not Maker.objects.across_tenants().exists()


@pytest.mark.parametrize(
    ("case", "form", "asked", "field"),
    [
        ("beyond its bound", "strategy", {"gamma": 99}, "gamma"),
        ("no such parameter", "full", {"gama": 1}, "gama"),
        ("of another kind", "goal", {"profile": "bold"}, "profile"),
        ("no such form", "wish", {}, "form"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(case, form, asked, field):
    where = account()
    with pytest.raises(BadInput) as refused:
        create(where, form, **asked)
    assert refused.value.context["field"] == field
    assert not Maker.objects.across_tenants().exists()


def test_long_and_short_apart_is_no_account_for_a_maker():
    with pytest.raises(Conflict, match="one-way"):
        create(VenueAccountFactory())


def test_there_is_one_maker_of_a_symbol_on_an_account():
    where = account()
    create(where)
    with pytest.raises(Conflict):
        create(where)


def test_a_change_is_a_version_of_its_own():
    desk = Desk()
    services.change_maker(maker=desk.maker, form="strategy", asked={"gamma": 0.3}, now=desk.now)
    versions = Version.objects.of(desk.maker.tenant).filter(maker=desk.maker).order_by("number")
    assert [row.number for row in versions] == [1, 2]
    assert versions[0].params["gamma"] != versions[1].params["gamma"] == 0.3
    told = AuditEntry.objects.get(action="maker.changed")
    assert (told.before["version"], told.after["version"]) == (1, 2)


def test_another_symbol_is_another_maker():
    desk = Desk()
    desk.start()
    with pytest.raises(Conflict, match="symbol is locked"):
        services.change_maker(
            maker=desk.maker, form="strategy", asked={"symbol": "ETH/USDT"}, now=desk.now
        )
    assert Version.objects.of(desk.maker.tenant).count() == 1


# --- how it runs


def test_a_start_leases_it_to_its_node_and_tells_it_all(hints):
    desk = Desk()
    session = desk.start()
    assert (session.status, session.node) == (S.STARTING, desk.node)
    (wish,) = wishes(hints, desk)
    assert (wish.session, wish.maker, wish.number) == (str(session.pk), desk.maker.pk, 1)
    assert wish.verb is MakerVerb.RUN
    assert "secret-alice" not in str(wish)
    assert hints.options[-1]["queue"] == f"node.{desk.node.code}.making"
    desk.account.refresh_from_db()
    assert desk.account.quoted == ["BTC/USDT"]
    assert AuditEntry.objects.filter(action="maker.started").exists()


def test_a_maker_that_runs_is_not_started_again(hints):
    desk = Desk()
    desk.start()
    with pytest.raises(Conflict, match="is starting"):
        desk.start()
    assert Session.objects.of(desk.maker.tenant).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_starts_at_once_one_is_refused():
    desk = Desk()
    told = at_once(2, lambda: services.start_maker(maker=desk.maker, now=desk.now))
    assert sorted(isinstance(one, Conflict) for one in told) == [False, True]
    assert Session.objects.of(desk.maker.tenant).count() == 1


@pytest.mark.parametrize(
    ("case", "why", "spoil"),
    [
        ("a silent node", "not alive", lambda desk: Node.objects.update(last_heartbeat_at=None)),
        ("a paused account", "paused", lambda desk: update(desk, status="paused")),
        ("two sides", "one-way", lambda desk: update(desk, position_mode="hedge")),
        ("a ticket under way", "under way", lambda desk: ticket(desk)),
    ],
)
def test_what_cannot_be_started_is_refused(case, why, spoil, hints):
    desk = Desk()
    spoil(desk)
    with pytest.raises(Conflict, match=why):
        desk.start()
    assert not Session.objects.of(desk.maker.tenant).exists()
    assert not hints


def update(desk, **fields):
    for name, value in fields.items():
        setattr(desk.account, name, value)
    desk.account.save()


def ticket(desk):
    TicketFactory(
        subscription__venue_account=desk.account, venue_account=desk.account, status="sent"
    )


def test_its_keys_its_modes_and_its_node_are_locked_while_it_runs():
    desk = Desk()
    desk.start()
    desk.account.refresh_from_db()
    other = NodeFactory(last_heartbeat_at=desk.now)
    for change in (
        lambda: unbind_account(account=desk.account),
        lambda: change_modes(account=desk.account, margin="cross"),
        lambda: bind_account(
            member=desk.account.member,
            venue="paper",
            label=desk.account.label,
            api_key="k",
            api_secret="s",
        ),
        lambda: assign_account(account=desk.account, node=other),
    ):
        with pytest.raises(Conflict), transaction.atomic():
            change()
    desk.hear("starting", "stopping", "idle")
    desk.account.refresh_from_db()
    change_modes(account=desk.account, margin="cross")


def test_a_stop_is_asked_once(hints):
    desk = Desk()
    desk.run()
    services.stop_maker(maker=desk.maker, now=desk.now)
    assert wishes(hints, desk)[-1].verb is MakerVerb.STOP
    with pytest.raises(Conflict, match="stopping already"):
        services.stop_maker(maker=desk.maker, now=desk.now)
    # A halt is more than a stop.
    services.halt_maker(maker=desk.maker, reason="enough", now=desk.now)
    last = wishes(hints, desk)[-1]
    assert (last.verb, last.reason) == (MakerVerb.HALT, "enough")


def test_what_does_not_run_is_neither_stopped_nor_released():
    desk = Desk()
    with pytest.raises(Conflict, match="not running"):
        services.stop_maker(maker=desk.maker, now=desk.now)
    desk.run()
    with pytest.raises(Conflict):
        services.release_maker(maker=desk.maker, reason="", now=desk.now)
    assert desk.session.status == S.RUNNING


def test_a_halted_maker_needs_a_person():
    desk = Desk()
    desk.run()
    desk.hear("starting", "running", "stopping", "halted")
    with pytest.raises(Conflict, match="release"):
        desk.start()
    with pytest.raises(Conflict):
        services.stop_maker(maker=desk.maker, now=desk.now)
    services.release_maker(maker=desk.maker, reason="looked", now=desk.now)
    assert desk.session.status == S.IDLE
    assert AuditEntry.objects.filter(action="maker.released").exists()
    assert desk.start().status == S.STARTING


def test_a_change_reaches_the_node_while_it_runs(hints):
    desk = Desk()
    desk.run()
    services.change_maker(maker=desk.maker, form="full", asked={"gamma": 0.3}, now=desk.now)
    wish = wishes(hints, desk)[-1]
    assert (wish.verb, wish.number, wish.params["gamma"]) == (MakerVerb.RUN, 2, 0.3)
    given = Command.objects.of(desk.maker.tenant).get(number=2)
    assert (given.verb, given.version, given.acknowledged_at) == ("retune", 2, None)


def test_leases_are_renewed_while_a_session_is_on_a_node(hints):
    desk = Desk()
    desk.run()
    hints.clear()
    later = desk.now + timedelta(seconds=10)
    assert services.renew_leases(now=later) == 1
    assert services.renew_leases(now=later) == 0
    assert len(wishes(hints, desk)) == 1
    assert desk.session.leased_until > later
    desk.hear("starting", "running", "stopping", "idle")
    assert services.renew_leases(now=later + timedelta(minutes=1)) == 0


def test_nothing_is_said_to_a_node_that_is_not_trusted(hints):
    desk = Desk()
    desk.run()
    Node.objects.update(status="revoked")
    hints.clear()
    assert services.renew_leases(now=desk.now + timedelta(minutes=1)) == 0
    assert not hints


def test_another_life_hears_what_the_ones_before_came_to(hints):
    desk = Desk()
    desk.start()
    (first,) = wishes(hints, desk)
    assert (first.figures, first.counted) == (None, [])
    told = figures()
    desk.hear("starting", "running", orders=[order(desk.name(1))], figures=told)
    again = wishes(hints, desk)[-1]
    assert again.figures == desk.session.figures
    assert again.counted == [f"fill-{desk.name(1)}"]


def test_the_volume_of_a_goal_goes_with_the_wish(hints):
    desk = Desk()
    services.change_maker(
        maker=desk.maker, form="goal", asked={"hourly_volume": 5000}, now=desk.now
    )
    desk.start()
    (wish,) = wishes(hints, desk)
    assert Decimal(wish.target_hourly) == 5000


def test_a_maker_whose_node_is_gone_is_given_up_once_its_lease_is_surely_over():
    desk = Desk()
    desk.run()
    with pytest.raises(Conflict, match="is alive"):
        services.give_up_maker(maker=desk.maker, reason="", now=desk.now)
    Node.objects.update(last_heartbeat_at=None)
    with pytest.raises(Conflict, match="may be at it"):
        services.give_up_maker(maker=desk.maker, reason="", now=desk.now)
    late = desk.now + timedelta(minutes=10)
    session = services.give_up_maker(maker=desk.maker, reason="burnt", now=late)
    assert (session.status, session.reason) == (S.HALTED, "burnt")
    desk.maker.refresh_from_db()
    assert desk.maker.life > 1000
    # Whatever it still says of itself, a person has decided.
    desk.hear("starting", "running", "stopping", "idle")
    assert desk.session.status == S.HALTED
    services.release_maker(maker=desk.maker, reason="looked", now=late)
    assert AuditEntry.objects.filter(action="maker.given_up").count() == 1
