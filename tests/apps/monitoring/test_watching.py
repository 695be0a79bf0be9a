"""From figures to alerts to notices: once each, in any order of looks, silences and deaths."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.monitoring.checks import CHECKS, Check, Measure
from apps.monitoring.models import Alert, Channel, Notice, Rule
from apps.monitoring.services import (
    acknowledge_alert,
    change_rule,
    end_silence,
    ensure_rules,
    silence,
    watch,
)
from tests.at_once import at_once
from tests.factories import AlertFactory, ChannelFactory, RuleFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now()
S = Alert.Status


class Thing:
    """A check whose figures a test says."""

    def __init__(self):
        self.figures = {}
        self.fails = False

    def measure(self, now):
        if self.fails:
            raise RuntimeError("cannot look")
        return [Measure(subject, value, "told") for subject, value in self.figures.items()]


@pytest.fixture
def thing(monkeypatch):
    made = Thing()
    check = Check(name="thing", title="A thing", unit="s", measure=made.measure, threshold=10)
    monkeypatch.setitem(CHECKS, "thing", check)
    made.rule = RuleFactory(
        check_name="thing",
        threshold=10,
        for_seconds=0,
        cooldown_seconds=0,
        escalate_seconds=0,
        severity=2,
    )
    return made


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def kinds():
    return Counter(Notice.objects.values_list("kind", flat=True))


def test_what_is_wrong_fires_once_and_resolves_once(thing):
    ChannelFactory()
    for second, value in enumerate([5, 11, 12, 30, 9, 9]):
        thing.figures = {"a": value}
        watch(now=at(second))
    (alert,) = Alert.objects.all()
    assert (alert.status, alert.value, alert.told) == (S.RESOLVED, 30, "told")
    assert (alert.fired_at, alert.resolved_at) == (at(1), at(4))
    assert kinds() == {"fired": 1, "resolved": 1}


def test_it_fires_only_after_its_time_and_what_passes_by_tells_nobody(thing):
    change_rule(rule=thing.rule, for_seconds=10)
    ChannelFactory()
    thing.figures = {"a": 11}
    watch(now=at(0))
    watch(now=at(9))
    thing.figures = {"a": 1}
    watch(now=at(10))
    assert Alert.objects.get().status == S.PASSED
    thing.figures = {"a": 11}
    watch(now=at(11))
    watch(now=at(20))
    assert not Notice.objects.exists()
    watch(now=at(21))
    assert kinds() == {"fired": 1}


def test_each_subject_is_its_own(thing):
    ChannelFactory()
    thing.figures = {"a": 11, "b": 1}
    watch(now=at(0))
    thing.figures = {"a": 11, "b": 20}
    watch(now=at(1))
    thing.figures = {"b": 20}
    watch(now=at(2))
    told = {alert.subject: alert.status for alert in Alert.objects.all()}
    assert told == {"a": S.RESOLVED, "b": S.FIRING}


def test_less_is_worse_where_it_is(thing, monkeypatch):
    floor = Check(
        name="thing", title="", unit="", measure=thing.measure, threshold=10, is_floor=True
    )
    monkeypatch.setitem(CHECKS, "thing", floor)
    thing.figures = {"enough": 10, "little": 9.9}
    watch(now=at(0))
    assert Alert.objects.get().subject == "little"


def test_within_the_cool_down_it_waits_and_then_fires_if_it_is_still_wrong(thing):
    change_rule(rule=thing.rule, cooldown_seconds=60)
    ChannelFactory()
    for second, value in [(0, 11), (1, 1), (2, 11), (50, 11)]:
        thing.figures = {"a": value}
        watch(now=at(second))
    assert kinds() == {"fired": 1, "resolved": 1}
    watch(now=at(61))
    assert kinds() == {"fired": 2, "resolved": 1}


def test_a_check_that_cannot_look_is_wrong_itself_and_ends_nothing(thing):
    ChannelFactory()
    thing.figures = {"a": 11}
    watch(now=at(0))
    thing.fails = True
    watch(now=at(1))
    told = {alert.subject: alert.status for alert in Alert.objects.all()}
    assert told == {"a": S.FIRING, "check": S.FIRING}
    assert "RuntimeError: cannot look" in Alert.objects.get(subject="check").told
    thing.fails = False
    watch(now=at(2))
    told = {alert.subject: alert.status for alert in Alert.objects.all()}
    assert told == {"a": S.FIRING, "check": S.RESOLVED}


def test_a_figure_that_is_no_number_of_a_column_is_kept_as_the_largest(thing):
    thing.figures = {"a": float("inf")}
    watch(now=at(0))
    assert Alert.objects.get().value == 1e15


def test_only_who_wants_such_a_severity_is_told(thing):
    change_rule(rule=thing.rule, severity=1)
    quiet, all_of_it = ChannelFactory(least_severity=2), ChannelFactory(least_severity=1)
    ChannelFactory(least_severity=1, status="paused")
    thing.figures = {"a": 11}
    watch(now=at(0))
    assert list(Notice.objects.values_list("channel", flat=True)) == [all_of_it.pk]
    assert not quiet.notices.exists()


def test_a_silence_tells_nobody_and_its_end_tells_what_still_is(thing):
    ChannelFactory()
    silence(rule=thing.rule, subject="a", until=at(100), reason="works", now=NOW)
    thing.figures = {"a": 11, "b": 11}
    watch(now=at(1))
    assert [row.alert.subject for row in Notice.objects.all()] == ["b"]
    watch(now=at(101))
    assert sorted(row.alert.subject for row in Notice.objects.all()) == ["a", "b"]


def test_of_what_was_silent_all_its_time_nobody_hears_the_end(thing):
    ChannelFactory()
    made = silence(rule=thing.rule, until=at(100), reason="works", now=NOW)
    thing.figures = {"a": 11}
    watch(now=at(1))
    thing.figures = {}
    watch(now=at(2))
    assert Alert.objects.get().status == S.RESOLVED
    assert not Notice.objects.exists()
    end_silence(silence=made, now=at(3))
    with pytest.raises(Conflict):
        end_silence(silence=made, now=at(4))


def test_what_nobody_takes_in_hand_goes_to_the_second_channels_once(thing):
    change_rule(rule=thing.rule, escalate_seconds=60)
    ChannelFactory()
    second = ChannelFactory(is_second=True)
    thing.figures = {"a": 11, "b": 11}
    watch(now=at(0))
    acknowledge_alert(alert=Alert.objects.get(subject="b"), now=at(5))
    watch(now=at(59))
    assert not second.notices.exists()
    watch(now=at(60))
    watch(now=at(120))
    assert [row.alert.subject for row in second.notices.all()] == ["a"]
    thing.figures = {}
    watch(now=at(130))
    # Who was called hears that it is over; nobody else does.
    assert Counter(second.notices.values_list("kind", flat=True)) == {"escalated": 1, "resolved": 1}


def test_it_is_taken_in_hand_once_and_only_while_it_fires():
    alert = AlertFactory(status=S.FIRING)
    acknowledge_alert(alert=alert, now=NOW)
    with pytest.raises(Conflict, match="is in hand already"):
        acknowledge_alert(alert=alert, now=NOW)
    with pytest.raises(Conflict, match="is resolved"):
        acknowledge_alert(alert=AlertFactory(status=S.RESOLVED), now=NOW)
    assert AuditEntry.objects.filter(action="alert.acknowledged").count() == 1


def test_what_is_switched_off_is_over(thing):
    ChannelFactory()
    thing.figures = {"a": 11}
    watch(now=at(0))
    change_rule(rule=thing.rule, is_active=False)
    watch(now=at(1))
    assert Alert.objects.get().status == S.RESOLVED
    assert kinds() == {"fired": 1, "resolved": 1}


def test_every_check_has_a_rule_and_what_was_tuned_stays():
    ensure_rules()
    rule = Rule.objects.get(check_name="disk")
    change_rule(rule=rule, threshold=50.0)
    ensure_rules()
    rule.refresh_from_db()
    assert rule.threshold == 50.0
    assert set(Rule.objects.values_list("check_name", flat=True)) == set(CHECKS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", float("nan")),
        ("threshold", float("inf")),
        ("for_seconds", -1),
        ("cooldown_seconds", 8 * 24 * 3600),
        ("severity", 4),
        ("check_name", "other"),
    ],
)
def test_a_bad_rule_is_refused_by_field(field, value):
    rule = RuleFactory()
    with pytest.raises(BadInput) as refused:
        change_rule(rule=rule, **{field: value})
    assert refused.value.context["field"] == field
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("until", {"until": NOW}),
        ("until", {"until": NOW + timedelta(days=31)}),
        ("reason", {"reason": "  "}),
        ("subject", {"subject": "x" * 101}),
    ],
)
def test_a_bad_silence_is_refused_by_field(field, told):
    asked = {"until": at(60), "reason": "works", **told}
    with pytest.raises(BadInput) as refused:
        silence(rule=RuleFactory(), now=NOW, **asked)
    assert refused.value.context["field"] == field


@pytest.mark.django_db(transaction=True)
def test_two_that_watch_at_once_tell_once(thing):
    ChannelFactory()
    for second, value in enumerate([11, 11, 1, 1]):
        thing.figures = {"a": value, "b": value}
        at_once(2, lambda second=second: watch(now=at(second)))
    assert kinds() == {"fired": 2, "resolved": 2}
    assert set(Alert.objects.values_list("status", flat=True)) == {S.RESOLVED}


LOOKS = st.lists(
    st.tuples(
        st.integers(1, 30),  # seconds to the next look
        st.dictionaries(st.sampled_from("ab"), st.integers(0, 20), max_size=2),
        st.booleans(),  # whether the check can look
    ),
    max_size=25,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    looks=LOOKS,
    for_seconds=st.sampled_from([0, 10, 40]),
    cooldown=st.sampled_from([0, 20]),
    quiet=st.none() | st.tuples(st.integers(0, 200), st.integers(1, 200)),
)
def test_whatever_happens_beginnings_and_ends_go_in_pairs(
    thing, looks, for_seconds, cooldown, quiet
):
    Notice.objects.all().delete()
    Alert.objects.all().delete()
    thing.rule.silences.all().delete()
    rule = change_rule(rule=thing.rule, for_seconds=for_seconds, cooldown_seconds=cooldown)
    Channel.objects.get_or_create(name="one", defaults={"kind": "webhook", "target": "x"})
    if quiet:
        begin, length = quiet
        silence(rule=rule, until=at(begin + length), reason="x", now=at(begin))
    second = 0
    for wait, figures, can_look in looks:
        second += wait
        thing.figures, thing.fails = figures, not can_look
        watch(now=at(second))
    for alert in Alert.objects.all():
        told = Counter(alert.notices.values_list("kind", flat=True))
        # Never an end without a beginning, and nothing twice.
        assert told["fired"] <= 1
        assert told["resolved"] == (told["fired"] if alert.status == S.RESOLVED else 0)
        assert bool(alert.open_key) == (alert.status in Alert.OPEN)
        if alert.status in (S.FIRING, S.RESOLVED):
            assert (alert.fired_at - alert.began_at).total_seconds() >= for_seconds
        if alert.status in (S.PENDING, S.PASSED):
            assert not told
    for subject in "ab":
        ended = list(
            Alert.objects.filter(subject=subject, fired_at__isnull=False)
            .order_by("fired_at")
            .values_list("fired_at", "resolved_at")
        )
        for (_fired, resolved), (again, _end) in pairwise(ended):
            assert (again - resolved).total_seconds() >= cooldown
