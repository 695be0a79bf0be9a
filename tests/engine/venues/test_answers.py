"""What each raw code proves: every row of every table from a recorded answer, and nothing else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import OutcomeUnknown, TooLate, VenueBusy, VenueRefused
from engine.venues.answers import Answered, Outcome, outcome_of
from tests.engine.venues.test_requests import STAGES

# What `place` comes to by the outcome of its request. EXISTS finds the order.
ENDS = {
    Outcome.REJECTED: VenueRefused,
    Outcome.EXPIRED: TooLate,
    Outcome.BUSY: VenueBusy,
    Outcome.ABSENT: OutcomeUnknown,
    Outcome.ACCEPTED: OutcomeUnknown,
    Outcome.UNKNOWN: OutcomeUnknown,
}
BY_NAME = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
ROWS = [
    pytest.param(stage, code, outcome, id=f"{stage.name} {code}: {outcome}")
    for stage in STAGES
    for code, outcome in stage.venue.answers.items()
]


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize(("stage", "code", "outcome"), ROWS)
def test_a_row_of_the_table_ends_as_it_says(stage, code, outcome, local):
    venue = stage.open(local, **{stage.order: stage.refusal(code)})
    if outcome is Outcome.EXISTS:
        assert venue.place(stage.order_ticket()).client_order_id
        assert local.unexpected == []
    else:
        with pytest.raises(ENDS[outcome]) as raised:
            venue.place(stage.order_ticket())
        assert type(raised.value) is ENDS[outcome]
    assert local.count(stage.order) == 1


@BY_NAME
@given(
    code=st.one_of(st.integers().map(str), st.text(), st.integers(100, 599).map("http {}".format))
)
@example(code="")
@example(code="0")
@example(code="-2019 ")
def test_a_code_that_is_in_no_table_proves_nothing(stage, code):
    if code not in stage.venue.answers:
        assert outcome_of(code, stage.venue.answers) is Outcome.UNKNOWN


@BY_NAME
@given(number=st.integers(-99_999, 99_999))
def test_an_answer_with_a_code_that_is_in_no_table_proves_nothing(stage, number):
    venue = stage.venue(stage.keys)
    answer = stage.refusal(str(number))
    status, content = answer if isinstance(answer, tuple) else (200, answer)
    raw, _ = venue.code_of(status, content) or (str(number), "")
    if raw not in stage.venue.answers and number not in (0, 200):
        with pytest.raises(Answered) as raised:
            venue.judge(status, content)
        assert raised.value.outcome is Outcome.UNKNOWN


@BY_NAME
@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 500, 502, 520])
def test_an_answer_without_a_code_proves_nothing(stage, status, local):
    venue = stage.open(local)
    for content in (None, {}, [], {"detail": "other words"}, "text"):
        with pytest.raises(Answered) as raised:
            venue.judge(status, content)
        assert raised.value.outcome is Outcome.UNKNOWN


@pytest.mark.usefixtures("stopped_clock")
@BY_NAME
def test_a_success_that_is_no_json_proves_nothing(stage, local):
    venue = stage.open(local, **{stage.order: (200, "<html>maintenance</html>")})
    with pytest.raises(OutcomeUnknown):
        venue.place(stage.order_ticket())
    assert local.count(stage.order) == 1
