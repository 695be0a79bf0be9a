"""The same question asked again, while its answer is still good: nobody is asked twice.

A question is the same by prompt, models, limits, and what is known of account, positions and
markets, with the digits that a prompt shows. The moment itself makes no other question, and neither
does what the trader itself decided lately.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from engine.deciding.answers import read_answer
from engine.deciding.asking import Counsel, Heard, Outcome
from engine.deciding.context import Context
from engine.deciding.council import agreed
from engine.deciding.limits import Limits
from engine.deciding.models import Model
from engine.deciding.prompt import WRITE, Prompt, plain

MOMENTS = frozenset({"now_ms", "seen_at_ms", "recent"})


def question_of(
    prompt: Prompt, models: Sequence[Model], counsel: Counsel, context: Context, limits: Limits
) -> str:
    """A digest by which the same question is known."""
    about = (models, counsel, limits, without_moments(msgspec.to_builtins(context)))
    told = plain(msgspec.to_builtins([prompt.version, prompt.system, *about]))
    return sha256(WRITE(told)).hexdigest()


def without_moments(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_moments(one) for name, one in value.items() if name not in MOMENTS}
    if isinstance(value, list | tuple):
        return [without_moments(one) for one in value]
    return value


def reused(
    *, decision_id: str, model: str, heard: Sequence[Heard], counsel: Counsel, asked: int
) -> Outcome:
    """What was heard then, once more, for nothing; it is judged by what is known now."""
    sound = tuple(one for one in heard if not one.rule)
    answers = {one.model: read_answer(one.raw) for one in sound}
    decisions = agreed(answers, asked=asked) if counsel == "vote" else answers[sound[-1].model]
    return Outcome(
        model=model,
        decisions=tuple(decisions),
        heard=sound,
        counsel=counsel,
        reused=decision_id,
    )
