"""What is kept of one decision: everything that is needed to reach the same verdicts again."""

from typing import Any

import msgspec

from engine.deciding.answers import read_answer
from engine.deciding.asking import Outcome
from engine.deciding.checks import Judged, facts_of, judge_all
from engine.deciding.context import Account, Context, Plain
from engine.deciding.council import agreed
from engine.deciding.errors import BadAnswer
from engine.deciding.limits import Limits
from engine.deciding.models import Model
from engine.deciding.prompt import Prompt
from engine.deciding.reuse import question_of

# Of what a record is made of; another number is another reader.
SCHEMA = 1


class Decided(Plain, frozen=True, tag="decided"):
    """One wake-up of a trader: what it knew, asked and heard, and what of it was let pass."""

    schema: int
    decision_id: str
    trader: str
    at_ms: int
    context: Context
    limits: Limits
    prompt: Prompt
    prompt_digest: str
    models: tuple[Model, ...]
    outcome: Outcome
    judged: tuple[Judged, ...]
    # Digests of the question, and of the text that its prompt was made from.
    question: str = ""
    template: str = ""


class Ticket(Plain, frozen=True):
    """An order that was asked for, by the name under which it can be found."""

    ticket: str
    symbol: str
    action: str


class Resulted(Plain, frozen=True, tag="resulted"):
    """What became of a decision. It is another record, for no record is changed."""

    decision_id: str
    at_ms: int
    tickets: tuple[Ticket, ...]
    # Refused when it was asked again just before its order.
    refused: tuple[Judged, ...]
    result: str
    before: Account
    after: Account


Record = Decided | Resulted


class Difference(Plain, frozen=True):
    """Where a replay came to something else."""

    decision_id: str
    what: str
    recorded: str
    replayed: str


def decided(
    *,
    decision_id: str,
    trader: str,
    context: Context,
    limits: Limits,
    prompt: Prompt,
    models: tuple[Model, ...],
    outcome: Outcome,
    template: str = "",
) -> Decided:
    """A decision with its verdicts, as they follow from what was known."""
    return Decided(
        schema=SCHEMA,
        decision_id=decision_id,
        trader=trader,
        at_ms=context.now_ms,
        context=context,
        limits=limits,
        prompt=prompt,
        prompt_digest=prompt.digest,
        models=models,
        outcome=outcome,
        judged=tuple(judge_all(outcome.decisions, facts_of(context), limits)),
        question=question_of(prompt, models, outcome.counsel, context, limits),
        template=template,
    )


def replay(record: Decided) -> list[Difference]:
    """Read and judge the recorded answers again; every difference from what is recorded."""
    pairs: list[tuple[str, Any, Any]] = [
        ("prompt_digest", record.prompt_digest, record.prompt.digest)
    ]
    if record.question:
        pairs.append(("question", record.question, asked_of(record)))
    decisions: list[Any] = []
    answers: dict[str, list[Any]] = {}
    for place, heard in enumerate(record.outcome.heard):
        try:
            decisions = list(read_answer(heard.raw))
            rule = ("", "")
            answers[heard.model] = decisions
        except BadAnswer as bad:
            decisions, rule = [], (bad.field, bad.rule)
        pairs.append((f"heard[{place}]", (heard.field, heard.rule), rule))
    # Only an answer of the model that decided was acted on: the last one that was heard.
    wanted = decisions if record.outcome.model else []
    if record.outcome.counsel == "vote":
        wanted = list(agreed(answers, asked=len(record.models)))
    pairs.append(("decisions", list(record.outcome.decisions), wanted))
    judged = judge_all(wanted, facts_of(record.context), record.limits)
    pairs.append(("judged", list(record.judged), judged))
    return [
        Difference(
            decision_id=record.decision_id, what=what, recorded=shown(was), replayed=shown(now)
        )
        for what, was, now in pairs
        if was != now
    ]


def asked_of(record: Decided) -> str:
    counsel = record.outcome.counsel
    return question_of(record.prompt, record.models, counsel, record.context, record.limits)


def shown(value: object) -> str:
    return msgspec.json.encode(value).decode()
