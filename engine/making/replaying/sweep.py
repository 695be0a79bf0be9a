"""Several sets of parameters on one recording, each replayed from its beginning."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from engine.errors import BadParameters
from engine.making.params import MakerParams, changed
from engine.making.replaying.recording import Recording
from engine.making.replaying.replay import Outcome, Replay, Terms

MOST = 10_000


@dataclass(frozen=True, slots=True)
class Trial:
    values: Mapping[str, object]
    outcome: Outcome


def sweep(
    recording: Recording,
    params: MakerParams,
    terms: Terms,
    asked: Mapping[str, Sequence[object]],
    progress: Callable[[float], None] | None = None,
) -> list[Trial]:
    """Every combination, in the order asked for; all of them are read before any runs."""
    sets = list(combinations(asked))
    if len(sets) > MOST:
        raise BadParameters(f"{len(sets)} combinations are more than {MOST}", field="sweep")
    told = [(values, changed(params, **values)) for values in sets]
    trials = []
    for number, (values, these) in enumerate(told, start=1):
        trials.append(Trial(values, Replay(recording, these, terms).run()))
        if progress:
            progress(number / len(told))
    return trials


def combinations(asked: Mapping[str, Sequence[object]]) -> Iterator[dict[str, object]]:
    for values in product(*asked.values()):
        yield dict(zip(asked, values, strict=True))
