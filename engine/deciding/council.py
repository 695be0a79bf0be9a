"""How several models come to one decision: the first that answers, most of them, or a judge.

Who does not answer stands against everything: a vote wants more than half of all that were asked.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from engine.deciding.asking import Asking, Counsel, Outcome, consult
from engine.deciding.decision import Decision
from engine.deciding.models import Model
from engine.deciding.prompt import Prompt, block
from engine.deciding.standing import Patience, Standings

# Who has decided, where most of them have.
VOTE = "vote"
Answers = Mapping[str, Sequence[Decision]]


def consult_all(
    prompt: Prompt,
    models: Sequence[Model],
    standings: Standings,
    asking: Asking,
    *,
    patience: Patience,
    now_ms: int,
    counsel: Counsel,
) -> tuple[Outcome, Standings]:
    """What they decide together, and what is known of each afterwards."""
    if counsel == "in_turn":
        return consult(prompt, models, standings, asking, patience=patience, now_ms=now_ms)
    answers: dict[str, Sequence[Decision]] = {}
    reasons: list[str] = []
    voters = models if counsel == "vote" else models[:-1]
    outcome = Outcome()
    for model in voters:
        outcome, standings = consult(
            prompt, (model,), standings, asking, patience=patience, now_ms=now_ms
        )
        if outcome.model:
            answers[model.name] = outcome.decisions
        else:
            reasons.append(outcome.reason)
    if counsel == "judge":
        last = consult(
            with_opinions(prompt, answers),
            models[-1:],
            standings,
            asking,
            patience=patience,
            now_ms=now_ms,
        )
        return replace(last[0], counsel=counsel), last[1]
    told = replace(
        outcome,
        counsel=counsel,
        model=VOTE if answers else "",
        decisions=agreed(answers, asked=len(voters)),
        reason="; ".join(reasons),
    )
    return told, standings


def agreed(answers: Answers, *, asked: int) -> tuple[Decision, ...]:
    """On each symbol what more than half of all want, as the first of them put it."""
    wishes = [decision for decisions in answers.values() for decision in decisions]
    found: dict[str, Decision] = {}
    for wish in wishes:
        votes = sum(1 for one in wishes if (one.symbol, one.signal) == (wish.symbol, wish.signal))
        if 2 * votes > asked:
            found.setdefault(wish.symbol, wish)
    return tuple(found.values())


def with_opinions(prompt: Prompt, answers: Answers) -> Prompt:
    """The same, and what the others would do: data, as all that stands between tags is."""
    opinions = [
        {"model": name, "decisions": list(decisions)} for name, decisions in answers.items()
    ]
    told = (
        f"\n\nWhat others would do, for you to judge:\n<opinions>\n{block(opinions)}\n</opinions>"
    )
    return replace(prompt, user=prompt.user + told)
