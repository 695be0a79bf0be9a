"""Whatever people ask and nodes tell, in whatever order: a session is where it may be."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.audit import find_breach
from apps.core.errors import Conflict
from apps.market_making import services
from apps.market_making.models import Session
from engine.making.actions import State
from engine.making.maker import MOVES
from tests.apps.market_making.desk import Desk

pytestmark = pytest.mark.django_db
S = Session.Status
ASKS = st.sampled_from(["start", "stop", "halt", "release", "change"])
# The node goes on by one move, tells all of it again, tells less of it, or begins another life.
TELLS = st.sampled_from(["go on", "again", "late", "die"])
STEPS = st.lists(st.one_of(ASKS, TELLS, st.integers(0, 2)), max_size=25)


class Node:
    """What a node could tell: a way through the engine's own table of moves."""

    def __init__(self):
        self.life = 0
        self.session = None
        self.moves = []

    def begin(self, session):
        if self.session != session.pk:
            self.session, self.moves = session.pk, []
        self.life += 1
        self.moves = [State.STARTING]

    def go_on(self, choice):
        follows = sorted(MOVES[self.moves[-1]] - {State.STARTING}) if self.moves else []
        is_over = self.moves and self.moves[-1] in (State.IDLE, State.HALTED)
        if follows and not is_over:
            self.moves.append(follows[choice % len(follows)])


def ask(desk, verb):
    maker, now = desk.maker, desk.now
    if verb == "start":
        services.start_maker(maker=maker, now=now)
    elif verb == "stop":
        services.stop_maker(maker=maker, now=now)
    elif verb == "halt":
        services.halt_maker(maker=maker, reason="", now=now)
    elif verb == "release":
        services.release_maker(maker=maker, reason="", now=now)
    else:
        services.change_maker(maker=maker, form="full", asked={"gamma": 0.2}, now=now)


def tell(desk, node, how, choice):
    session = desk.session
    if session is None:
        return
    if node.session != session.pk or how == "die":
        if session.status not in Session.LIVE:
            return
        node.begin(session)
    elif how == "go on":
        node.go_on(choice)
    moves = node.moves[: max(len(node.moves) - 1, 1)] if how == "late" else node.moves
    desk.hear(*moves, life=node.life, done=session.wish)


def check(desk):
    rows = list(Session.objects.of(desk.maker.tenant))
    held = [row for row in rows if row.live_key is not None]
    assert len(held) <= 1
    assert all(row.status != S.IDLE for row in held)
    assert all(row.status == S.IDLE for row in rows if row.live_key is None)
    desk.account.refresh_from_db()
    is_live = any(row.status in Session.LIVE for row in rows)
    assert desk.account.quoted == (["BTC/USDT"] if is_live else [])
    for row in rows:
        numbers = list(row.commands.order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, row.wish + 1))


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_a_session_is_only_ever_where_its_table_lets_it_be(steps):
    desk, node = Desk(), Node()
    choice = 0
    for step in steps:
        if isinstance(step, int):
            choice = step
            continue
        before = desk.session and (desk.session.pk, desk.session.status)
        if step in ("go on", "again", "late", "die"):
            tell(desk, node, step, choice)
        else:
            try:
                ask(desk, step)
            except Conflict:
                after = desk.session and (desk.session.pk, desk.session.status)
                assert after == before
        if before and before[1] == S.HALTED and desk.session.pk != before[0]:
            raise AssertionError("a halted maker was started")
        check(desk)
    assert find_breach() is None
