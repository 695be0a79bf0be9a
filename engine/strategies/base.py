"""What a strategy is: typed parameters, and one pure function from candles to an intent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from engine.candle import Candles
from engine.errors import BadParameters
from engine.signal import Intent


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A strategy's parameters: defaults, and bounds as msgspec.Meta."""


@dataclass(frozen=True, slots=True)
class Strategy:
    code: str
    params: type[Params]
    candles_needed: Callable[[Any], int]
    decide: Callable[[Candles, Any], Intent | None]

    def read_params(self, values: Mapping[str, object]) -> Params:
        """The parameters, or BadParameters naming the field and the rule it breaks."""
        try:
            return msgspec.convert(dict(values), self.params)
        except msgspec.ValidationError as error:
            raise BadParameters(f"{self.code}: {error}") from error
