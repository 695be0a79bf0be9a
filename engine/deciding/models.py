"""A model that can be asked: where it is, how it is spoken to, and what it costs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from engine.deciding.context import Plain
from engine.deciding.limits import exact
from engine.parameters import Parameter, Params, parameters_of, read_params

MILLION = Decimal(1_000_000)
# What a protocol puts around the texts.
TOKENS_AROUND = 64
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="what we call it")]
Price = Annotated[
    float, msgspec.Meta(ge=0, le=10_000, description="of a million tokens, in the budget's money")
]


class Model(Params, frozen=True, kw_only=True):
    name: Name
    protocol: Annotated[
        Literal["openai", "anthropic", "deepseek"], msgspec.Meta(description="how it is spoken to")
    ]
    base_url: Annotated[
        str, msgspec.Meta(min_length=1, max_length=300, description="what its paths follow")
    ]
    model: Annotated[
        str, msgspec.Meta(min_length=1, max_length=128, description="what its provider calls it")
    ]
    temperature: (
        Annotated[float, msgspec.Meta(ge=0, le=2, description="how much is left to chance")] | None
    ) = None
    top_p: (
        Annotated[float, msgspec.Meta(ge=0, le=1, description="the share of tokens looked at")]
        | None
    ) = None
    max_tokens: Annotated[
        int, msgspec.Meta(ge=64, le=200_000, description="of one answer, at the most")
    ] = 4_096
    timeout_seconds: Annotated[
        float, msgspec.Meta(ge=0.1, le=600, description="for one question, its retries included")
    ] = 60.0
    retries: Annotated[
        int, msgspec.Meta(ge=0, le=10, description="after a call that came to nothing")
    ] = 2
    input_price: Price = 0.0
    cached_price: Price = 0.0
    output_price: Price = 0.0
    daily_cost: Annotated[
        float, msgspec.Meta(ge=0, le=1e6, description="a day, then the next is asked; 0: no cap")
    ] = 0.0

    def __post_init__(self) -> None:
        if not can_be_asked(self.base_url):
            raise ValueError("is an http or https address, without a key in it - at `$.base_url`")


def can_be_asked(address: str) -> bool:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    has_more = parts.query or parts.fragment or parts.username or parts.password
    is_plain = address.isascii() and all(char > " " for char in address) and not has_more
    return is_plain and parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0


class Usage(Plain, frozen=True):
    """Tokens of one call; the cached ones are among those of the input."""

    input: int
    output: int
    cached: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output


def read_model(values: Mapping[str, object]) -> Model:
    """The model, or BadParameters naming the field and the rule it breaks."""
    return read_params(Model, values, owner="model")


def describe() -> list[Parameter]:
    return parameters_of(Model)


def cost_of(model: Model, usage: Usage) -> Decimal:
    cached = min(usage.cached, usage.input)
    return (
        (usage.input - cached) * exact(model.input_price)
        + cached * exact(model.cached_price)
        + usage.output * exact(model.output_price)
    ) / MILLION


def most_of(model: Model, *texts: str) -> Usage:
    """What a call with these texts can come to at the most: no token is less than a byte."""
    told = sum(len(text.encode()) for text in texts)
    return Usage(input=told + TOKENS_AROUND, output=model.max_tokens)


def most_cost(model: Model, most: Usage) -> Decimal:
    """The most a usage can cost: some ask more for what they remember than for what is new."""
    dearest = max(exact(model.input_price), exact(model.cached_price))
    return (most.input * dearest + most.output * exact(model.output_price)) / MILLION
