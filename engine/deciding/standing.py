"""Which model is asked: the first of the list that stands and can be paid.

A model that failed several times in a row is away. It is tried again now and then, by one decision
at a time, and is back once enough of these tries in a row came to an answer.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec.structs import replace

from engine.deciding.context import Plain
from engine.parameters import Params


class Patience(Params, frozen=True, kw_only=True):
    failures: Annotated[
        int, msgspec.Meta(ge=1, le=100, description="in a row, after which a model is away")
    ] = 3
    probe_seconds: Annotated[
        int, msgspec.Meta(ge=1, le=86_400, description="between two tries of one that is away")
    ] = 600
    probes: Annotated[
        int, msgspec.Meta(ge=1, le=100, description="tries by which it is judged, the last ones")
    ] = 3
    success_percent: Annotated[
        float, msgspec.Meta(ge=1, le=100, description="of them that must have come to an answer")
    ] = 99.0
    reuse_seconds: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=86_400, description="an answer to the same question is good for; 0: never"
        ),
    ] = 0


class Standing(Plain, frozen=True):
    failures: int = 0  # in a row
    # When it may be tried again; None while it is not away.
    probe_at_ms: int | None = None
    # What became of the last tries since it went away.
    tries: tuple[bool, ...] = ()

    @property
    def is_away(self) -> bool:
        return self.probe_at_ms is not None


Standings = Mapping[str, Standing]
FINE = Standing()


def next_model(
    names: Sequence[str], standings: Standings, *, passed: Collection[str], now_ms: int
) -> str | None:
    """The first that may be asked now, of those that were not passed over already."""
    for name in names:
        probe_at_ms = standings.get(name, FINE).probe_at_ms
        if name not in passed and (probe_at_ms is None or probe_at_ms <= now_ms):
            return name
    return None


def begun(standings: Standings, name: str, patience: Patience, now_ms: int) -> Standings:
    """It is about to be asked: where it is away, nobody else tries it meanwhile."""
    standing = standings.get(name, FINE)
    if not standing.is_away:
        return standings
    probe_at_ms = now_ms + patience.probe_seconds * 1000
    return {**standings, name: replace(standing, probe_at_ms=probe_at_ms)}


def ended(
    standings: Standings, name: str, patience: Patience, *, answered: bool, now_ms: int
) -> Standings:
    standing = standings.get(name, FINE)
    if standing.is_away:
        return {**standings, name: after_probe(standing, patience, answered)}
    failures = 0 if answered else standing.failures + 1
    if failures < patience.failures:
        return {**standings, name: Standing(failures=failures)}
    probe_at_ms = now_ms + patience.probe_seconds * 1000
    return {**standings, name: Standing(failures=failures, probe_at_ms=probe_at_ms)}


def after_probe(standing: Standing, patience: Patience, answered: bool) -> Standing:
    tries = (*standing.tries, answered)[-patience.probes :]
    if len(tries) == patience.probes and 100 * sum(tries) >= patience.success_percent * len(tries):
        return FINE
    failures = 0 if answered else standing.failures + 1
    return replace(standing, tries=tries, failures=failures)
