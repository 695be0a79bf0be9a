"""Asking models until one of them has decided: retries, one repair, then the next of the list.

What comes back tells everything that was heard and what it cost, decided or not. A call is only
made when the most it can cost was set aside; what nobody can tell the cost of has cost that.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random, SystemRandom
from typing import Literal, Protocol

import msgspec

from engine.deciding import line
from engine.deciding.answers import read_answer
from engine.deciding.budget import Purse, Reserved
from engine.deciding.context import Plain
from engine.deciding.decision import Decision
from engine.deciding.errors import (
    BadAnswer,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnclear,
    OverBudget,
    shown,
)
from engine.deciding.models import Model, Usage, cost_of, most_of
from engine.deciding.prompt import Prompt
from engine.deciding.protocols import PROTOCOLS, Reply, Talk, Turn
from engine.deciding.standing import Patience, Standings, begun, ended, next_model
from engine.money import ZERO

PAUSE_SECONDS, LONGEST_PAUSE = 0.2, 3.0
# A pause may take longer than was asked; the try after it is still one.
LEAST_SECONDS = 0.05
BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
# Of an answer that is to be repaired, and of what a provider says of a refusal.
MOST_QUOTED, MOST_SAID = 8_192, 200

Counsel = Literal["in_turn", "vote", "judge"]
Result = Literal["answered", "busy", "unclear", "refused"]


class Call(Plain, frozen=True):
    """One call, as it is accounted for."""

    model: str
    purpose: Literal["ask", "repair"]
    result: Result
    cost: Decimal
    tokens: int
    milliseconds: int
    usage: Usage | None = None
    reason: str = ""


class Heard(Plain, frozen=True):
    """One raw answer, and the rule by which it was refused, if it was."""

    model: str
    raw: str
    field: str = ""
    rule: str = ""
    reason: str = ""


class Outcome(Plain, frozen=True):
    """What became of asking; without a model that decided, the reason why there is none."""

    model: str = ""
    decisions: tuple[Decision, ...] = ()
    heard: tuple[Heard, ...] = ()
    calls: tuple[Call, ...] = ()
    reason: str = ""
    counsel: Counsel = "in_turn"
    # The decision whose answers these are, where nobody was asked anew.
    reused: str = ""


class Post(Protocol):
    def __call__(
        self, url: str, *, headers: dict[str, str], body: bytes, timeout_seconds: float
    ) -> line.Answer: ...


@dataclass
class Asking:
    """Of one decision."""

    keys: Callable[[str], str]  # by the model's name
    purse: Purse
    post: Post = line.post
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    random: Random = field(default_factory=SystemRandom)
    heard: list[Heard] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def decide(self, model: Model, prompt: Prompt) -> list[Decision]:
        """What it decides, or why its answer counts for nothing; one repair is tried."""
        talk = Talk(system=prompt.system, turns=(Turn(role="user", text=prompt.user),))
        reply = self.reply(model, talk, "ask")
        try:
            return self.read(model, reply)
        except BadAnswer as refused:
            repaired = self.reply(model, repair(talk, reply, refused), "repair")
            return self.read(model, repaired)

    def read(self, model: Model, reply: Reply) -> list[Decision]:
        try:
            decisions = read_answer(reply.text)
        except BadAnswer as bad:
            self.heard.append(
                Heard(
                    model=model.name,
                    raw=reply.text,
                    field=bad.field,
                    rule=bad.rule,
                    reason=bad.message,
                )
            )
            raise
        self.heard.append(Heard(model=model.name, raw=reply.text))
        return decisions

    def reply(self, model: Model, talk: Talk, purpose: Literal["ask", "repair"]) -> Reply:
        """Its reply, after as many tries as it and the time allow."""
        until = self.monotonic() + model.timeout_seconds
        tried = 0
        while True:
            try:
                left = max(until - self.monotonic(), LEAST_SECONDS)
                return self.once(model, talk, purpose, left)
            except (ModelBusy, ModelUnclear) as error:
                pause = self.pause(tried, error)
                if tried == model.retries or self.monotonic() + pause >= until:
                    raise
                self.sleep(pause)
                tried += 1

    def pause(self, tried: int, error: ModelError) -> float:
        """Longer each time, and by chance: who failed together does not come back together."""
        pause: float = self.random.random() * min(LONGEST_PAUSE, PAUSE_SECONDS * 2**tried)
        return max(pause, error.after_seconds if isinstance(error, ModelBusy) else 0)

    def once(
        self, model: Model, talk: Talk, purpose: Literal["ask", "repair"], seconds: float
    ) -> Reply:
        reserved = self.purse.reserve(model, most_of(model, *talk.texts()))
        began = self.monotonic()
        try:
            reply = self.call(model, talk, seconds)
        except ModelError as error:
            cost, tokens = unanswered(error, reserved)
            self.account(model, purpose, reserved, began, cost, tokens, error=error)
            raise
        cost, tokens = reserved.cost, reserved.tokens
        if reply.usage is not None:
            cost, tokens = cost_of(model, reply.usage), reply.usage.total
        self.account(model, purpose, reserved, began, cost, tokens, usage=reply.usage)
        return reply

    def call(self, model: Model, talk: Talk, seconds: float) -> Reply:
        key = self.keys(model.name)
        if not (key.isascii() and key.isprintable()):
            raise ModelRefused("its key has characters that no key has")
        make, read = PROTOCOLS[model.protocol]
        request = make(model, key, talk)
        answer = self.post(
            model.base_url.rstrip("/") + request.path,
            headers={"Content-Type": "application/json", **request.headers},
            body=msgspec.json.encode(request.body),
            timeout_seconds=seconds,
        )
        if answer.status in BUSY:
            raise ModelBusy(f"it answered {answer.status}", after_seconds=answer.after_seconds)
        if answer.status != 200:
            said = answer.body.decode(errors="replace")
            # Some repeat the key that they do not know.
            said = shown(said.replace(key, "…") if key else said, MOST_SAID)
            raise ModelRefused(f"it answered {answer.status}: {said}")
        return read(answer.body)

    def account(
        self,
        model: Model,
        purpose: Literal["ask", "repair"],
        reserved: Reserved,
        began: float,
        cost: Decimal,
        tokens: int,
        *,
        usage: Usage | None = None,
        error: ModelError | None = None,
    ) -> None:
        self.purse.settle(reserved, cost=cost, tokens=tokens)
        self.calls.append(
            Call(
                model=model.name,
                purpose=purpose,
                result="answered" if error is None else RESULTS[type(error)],
                cost=cost,
                tokens=tokens,
                milliseconds=round((self.monotonic() - began) * 1000),
                usage=usage,
                reason="" if error is None else error.message,
            )
        )


RESULTS: dict[type[ModelError], Result] = {
    ModelBusy: "busy",
    ModelUnclear: "unclear",
    ModelRefused: "refused",
}


def unanswered(error: ModelError, reserved: Reserved) -> tuple[Decimal, int]:
    """What a call without an answer has cost: all that it could, where nobody can tell."""
    return (reserved.cost, reserved.tokens) if isinstance(error, ModelUnclear) else (ZERO, 0)


def repair(talk: Talk, reply: Reply, refused: BadAnswer) -> Talk:
    said = Turn(role="assistant", text=reply.text[:MOST_QUOTED] or "(nothing)")
    asked = Turn(
        role="user",
        text=f"That answer was refused ({refused.rule}): {refused.message}. Nothing of it was "
        "done. Answer once more, with the JSON object in the schema and nothing else.",
    )
    return Talk(system=talk.system, turns=(*talk.turns, said, asked))


def consult(
    prompt: Prompt,
    models: Sequence[Model],
    standings: Standings,
    asking: Asking,
    *,
    patience: Patience,
    now_ms: int,
) -> tuple[Outcome, Standings]:
    """Ask the models in their order until one has decided; what is known of them afterwards."""
    by_name = {model.name: model for model in models}
    reasons: dict[str, str] = {}
    while name := next_model(tuple(by_name), standings, passed=reasons, now_ms=now_ms):
        standings = begun(standings, name, patience, now_ms)
        try:
            decisions = asking.decide(by_name[name], prompt)
        except OverBudget as error:
            reasons[name] = error.message
            continue
        except (ModelError, BadAnswer) as error:
            reasons[name] = error.message
            standings = ended(standings, name, patience, answered=False, now_ms=now_ms)
            continue
        standings = ended(standings, name, patience, answered=True, now_ms=now_ms)
        return outcome_of(asking, model=name, decisions=decisions), standings
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    return outcome_of(asking, reason=told or "every model is away"), standings


def outcome_of(
    asking: Asking, *, model: str = "", decisions: Sequence[Decision] = (), reason: str = ""
) -> Outcome:
    return Outcome(
        model=model,
        decisions=tuple(decisions),
        heard=tuple(asking.heard),
        calls=tuple(asking.calls),
        reason=reason,
    )
