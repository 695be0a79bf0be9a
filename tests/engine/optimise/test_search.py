"""A search makes the same trials however it is killed, and whoever answers."""

import os
import random
import signal
from contextlib import closing
from multiprocessing import get_context
from time import monotonic, sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadParameters
from engine.optimise import (
    METHODS,
    Ended,
    FileJournal,
    Objective,
    Trial,
    search,
    spread,
)
from engine.strategies import Span
from tests.engine.optimise.studies import HILL, climb, climbing, height

RETURN = Objective(name="return")
# So many that a search of a few rounds is short; a grid has to be whole.
SHORT = dict.fromkeys(METHODS, 48) | {"grid": 120}
GRID = HILL | {"x": Span("float", -1, 3, step=1)}


def seek(method, evaluate=None, **changes):
    space = GRID if method == "grid" else HILL
    asked = {"trials": 120, "seed": 5, "objective": RETURN} | changes
    return search(space, evaluate or climbing(), method=method, **asked)


def shuffled(asked):
    """All of a round before the first answer, in any order, and some of them twice."""
    answers = [climb(each) for each in asked]
    answers += answers[:3]
    random.Random(7).shuffle(answers)
    yield from answers


@pytest.mark.parametrize("method", METHODS)
def test_no_trial_twice_and_none_outside(method):
    found = seek(method)
    assert [trial.number for trial in found.trials] == list(range(len(found.trials)))
    assert len({tuple(trial.values.values()) for trial in found.trials}) == len(found.trials)
    for trial in found.trials:
        assert -5 <= trial.values["x"] <= 5
        assert trial.values["n"] in range(0, 21, 2)
        assert trial.values["way"] in ("left", "right")
    assert found.best == max(found.trials, key=lambda trial: height(trial.values))
    assert found.ended == (Ended.COMPLETE if method == "grid" else Ended.TRIALS)
    assert len(found.trials) == (110 if method == "grid" else 120)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_answers_changes_nothing(method):
    assert seek(method, shuffled) == seek(method)


@pytest.mark.parametrize(("method", "least"), [("evolutionary", -0.05), ("bayesian", -0.5)])
def test_those_who_learn_come_near_the_top(method, least):
    assert height(seek(method).best.values) > max(least, height(seek("random").best.values))


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=4, deadline=None)
@given(deaths=st.lists(st.integers(0, 12), max_size=3), cut=st.integers(0, 60))
def test_a_search_that_dies_again_and_again(method, deaths, cut, tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "search.jsonl"
    made = []
    for answers in deaths:
        with pytest.raises(KeyboardInterrupt):
            seek(method, dies_after(answers, made), journal=FileJournal(path), trials=SHORT[method])
        # The line that death cut short.
        if path.exists():
            with path.open("ab") as file:
                file.write(b'{"number":' + b"9" * cut)
    found = seek(method, climbing(made), journal=FileJournal(path), trials=SHORT[method])
    assert found == seek(method, trials=SHORT[method])
    assert sorted(made) == list(range(len(found.trials)))


def dies_after(answers, made):
    left = [answers]

    def evaluate(asked):
        for each in asked:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            made.append(each.number)
            yield climb(each)

    return evaluate


def test_a_process_that_is_killed(tmp_path):
    journal = FileJournal(tmp_path / "search.jsonl")

    def until_killed():
        def one(asked):
            if asked.number == 37:
                os.kill(os.getpid(), signal.SIGKILL)
            return climb(asked)

        with spread(one) as evaluate:
            seek("bayesian", evaluate, journal=journal)

    killed = get_context("fork").Process(target=until_killed)
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    made = []
    assert seek("bayesian", climbing(made), journal=journal) == seek("bayesian")
    assert made == list(range(37, 120))


def test_more_trials_go_on_where_fewer_ended(tmp_path):
    journal = FileJournal(tmp_path / "search.jsonl")
    seek("random", journal=journal, trials=20)
    made = []
    found = seek("random", climbing(made), journal=journal, trials=50)
    assert found == seek("random", trials=50)
    assert made == list(range(20, 50))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seed": 6}, "seed"),
        ({"method": "random"}, "method"),
        ({"objective": Objective(name="return", least_trades=2)}, "objective"),
        ({"about": {"candles": "others"}}, "about"),
    ],
)
def test_a_journal_of_another_search_is_not_gone_on_with(changes, field, tmp_path):
    journal = FileJournal(tmp_path / "search.jsonl")
    seek("evolutionary", journal=journal, trials=20)
    written = journal.path.read_bytes()
    with pytest.raises(BadParameters) as refused:
        seek(changes.pop("method", "evolutionary"), journal=journal, **changes)
    assert refused.value.context["field"] == field
    assert journal.path.read_bytes() == written


def test_progress_and_early_ends():
    told = []
    found = seek("random", on_trial=told.append, trials=40)
    assert [each.done for each in told] == list(range(1, 41))
    assert (told[-1].most, told[-1].best) == (40, found.best)
    patient = seek("random", patience=15, trials=1000)
    assert patient.ended is Ended.PATIENCE
    assert len(patient.trials) - 1 - patient.best.number >= 15
    stopped = seek("random", on_trial=told.append, should_stop=lambda: len(told) >= 45)
    assert (stopped.ended, len(stopped.trials)) == (Ended.STOPPED, 5)


def test_a_budget_of_time():
    def slow(asked):
        sleep(0.02)
        return climb(asked)

    with spread(slow) as evaluate:
        began = monotonic()
        found = seek("random", evaluate, budget_seconds=0.1, trials=10_000)
    assert (found.ended, found.best is not None) == (Ended.BUDGET, True)
    assert monotonic() - began < 10


def test_several_processes_answer_as_one_does():
    with spread(climb, 2) as evaluate:
        assert seek("evolutionary", evaluate, trials=40) == seek("evolutionary", trials=40)
        with closing(evaluate([])) as nothing:
            assert list(nothing) == []


@pytest.mark.parametrize(
    ("case", "asked", "told"),
    [
        ("method", {"method": "guess"}, "unknown method"),
        ("trials", {"method": "random", "trials": 0}, "above zero"),
        ("patience", {"method": "random", "patience": 0}, "above zero"),
        ("budget", {"method": "random", "budget_seconds": -1}, "above zero"),
        ("seed", {"method": "random", "seed": -1}, "below zero"),
        ("a grid larger than its trials", {"method": "grid", "trials": 109}, "more combinations"),
    ],
)
def test_what_cannot_be_asked(case, asked, told):
    with pytest.raises(BadParameters, match=told):
        seek(**asked)


def test_a_grid_between_floats():
    with pytest.raises(BadParameters, match="a grid needs a step") as refused:
        search(HILL, climbing(), method="grid")
    assert refused.value.context["field"] == "x"


def never(values):
    raise BadParameters("x must be below n")


@pytest.mark.parametrize("method", METHODS)
def test_values_that_cannot_be_together(method):
    with pytest.raises(BadParameters, match="no combination is possible: x must be below n"):
        seek(method, check=never)

    def half(values):
        if values["way"] == "left":
            never(values)

    found = seek(method, check=half, trials=120)
    assert {trial.values["way"] for trial in found.trials} == {"right"}


def test_a_small_space_is_looked_at_once():
    small = {"n": Span("int", 1, 7)}

    def one(asked):
        return Trial(asked.number, asked.values, {"trades": 1, "drawdown": 0, "returned": 1})

    for method in METHODS:
        with spread(one) as evaluate:
            found = search(small, evaluate, method=method, objective=RETURN)
        assert (len(found.trials), found.ended, found.best.number) == (7, Ended.COMPLETE, 0)


@pytest.mark.parametrize(
    ("case", "objective", "figures", "score"),
    [
        ("more is better", Objective(name="return"), {}, 0.2),
        ("less drawdown is better", Objective(name="drawdown"), {}, -0.1),
        ("unknown", Objective(name="sharpe"), {}, None),
        ("too few trades", Objective(name="return", least_trades=6), {}, None),
        ("too deep", Objective(name="return", most_drawdown=0.05), {}, None),
        ("nothing lost", Objective(name="drawdown"), {"drawdown": 0.0}, 0),
        ("no depth known", Objective(name="return", most_drawdown=1), {"drawdown": None}, None),
    ],
)
def test_scores(case, objective, figures, score):
    told = {"trades": 5, "returned": 0.2, "drawdown": 0.1, "sharpe": None}
    assert objective.score(told | figures) == score
    assert objective.score(None) is None


@pytest.mark.parametrize(
    "asked", [{"name": "luck"}, {"least_trades": -1}, {"most_drawdown": 0}, {"most_drawdown": 2}]
)
def test_objectives_that_are_none(asked):
    with pytest.raises(BadParameters) as refused:
        Objective(**asked)
    assert refused.value.context["field"] in asked
