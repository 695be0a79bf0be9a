"""How the providers' APIs are spoken to: a request out of a talk, a reply out of what they answer.

Structured output is asked for in each one's own way. What they answer is read by type, and only
the text that the model wrote is passed on, to the letter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from engine.deciding.context import Plain
from engine.deciding.decision import ANSWER
from engine.deciding.errors import ModelUnclear
from engine.deciding.models import Model, Usage
from engine.deciding.schema import without_bounds

SHAPE = without_bounds(ANSWER)
CALLED = "decide"
ANTHROPIC_VERSION = "2023-06-01"
Envelope = TypeVar("Envelope")
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class Turn(Plain, frozen=True):
    role: Literal["user", "assistant"]
    text: str


class Talk(Plain, frozen=True):
    system: str
    turns: tuple[Turn, ...]

    def texts(self) -> tuple[str, ...]:
        return (self.system, *(turn.text for turn in self.turns))


class Reply(Plain, frozen=True):
    """What a model wrote; its usage is None where the provider does not tell it."""

    text: str
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Details(msgspec.Struct):
    cached_tokens: Count = 0


class OpenAiUsage(msgspec.Struct):
    prompt_tokens: Count
    completion_tokens: Count
    prompt_tokens_details: Details | None = None
    prompt_cache_hit_tokens: Count | None = None  # DeepSeek's word for it

    def told(self) -> Usage:
        cached = self.prompt_cache_hit_tokens
        if cached is None:
            cached = self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else 0
        return Usage(input=self.prompt_tokens, output=self.completion_tokens, cached=cached)


class Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class Choice(msgspec.Struct):
    message: Message


class OpenAiReply(msgspec.Struct):
    choices: Annotated[list[Choice], msgspec.Meta(min_length=1)]
    usage: OpenAiUsage | None = None


class AnthropicUsage(msgspec.Struct):
    input_tokens: Count
    output_tokens: Count
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None

    def told(self) -> Usage:
        cached = self.cache_read_input_tokens or 0
        new = self.input_tokens + (self.cache_creation_input_tokens or 0)
        return Usage(input=new + cached, output=self.output_tokens, cached=cached)


class Block(msgspec.Struct):
    type: str
    text: str = ""
    # As it was written: read into a dict, a key that stands there twice would not be seen.
    input: msgspec.Raw = msgspec.Raw()


class AnthropicReply(msgspec.Struct):
    content: list[Block]
    usage: AnthropicUsage | None = None


def chat(model: Model, key: str, talk: Talk) -> Request:
    turns = [{"role": turn.role, "content": turn.text} for turn in talk.turns]
    return Request(
        "/chat/completions",
        {"Authorization": f"Bearer {key}"} if key else {},
        {
            "model": model.model,
            "messages": [{"role": "system", "content": talk.system}, *turns],
            **sampling(model),
        },
    )


def openai(model: Model, key: str, talk: Talk) -> Request:
    request = chat(model, key, talk)
    asked = {"name": CALLED, "strict": True, "schema": SHAPE}
    request.body["response_format"] = {"type": "json_schema", "json_schema": asked}
    request.body["max_completion_tokens"] = model.max_tokens
    return request


def deepseek(model: Model, key: str, talk: Talk) -> Request:
    request = chat(model, key, talk)
    request.body["response_format"] = {"type": "json_object"}
    request.body["max_tokens"] = model.max_tokens
    return request


def anthropic(model: Model, key: str, talk: Talk) -> Request:
    return Request(
        "/v1/messages",
        {"x-api-key": key, "anthropic-version": ANTHROPIC_VERSION},
        {
            "model": model.model,
            "system": talk.system,
            "messages": [{"role": turn.role, "content": turn.text} for turn in talk.turns],
            "max_tokens": model.max_tokens,
            "tools": [
                {"name": CALLED, "description": "Tell your decisions.", "input_schema": SHAPE}
            ],
            "tool_choice": {"type": "tool", "name": CALLED},
            **sampling(model),
        },
    )


def sampling(model: Model) -> dict[str, float]:
    """Only what was set: some models take neither, or not both."""
    told = {"temperature": model.temperature, "top_p": model.top_p}
    return {name: value for name, value in told.items() if value is not None}


def read_chat(body: bytes) -> Reply:
    reply = read(body, OpenAiReply)
    message = reply.choices[0].message
    return Reply(
        text=message.content or message.refusal or "",
        usage=reply.usage.told() if reply.usage else None,
    )


def read_anthropic(body: bytes) -> Reply:
    reply = read(body, AnthropicReply)
    called = [bytes(block.input).decode() for block in reply.content if block.type == "tool_use"]
    texts = [block.text for block in reply.content if block.type == "text"]
    # Two calls are two answers, which the reader of answers refuses.
    text = "\n".join(called or texts)
    return Reply(text=text, usage=reply.usage.told() if reply.usage else None)


def read(body: bytes, kind: type[Envelope]) -> Envelope:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelUnclear(f"its answer cannot be read: {error}") from error


Make = Callable[[Model, str, Talk], Request]
PROTOCOLS: dict[str, tuple[Make, Callable[[bytes], Reply]]] = {
    "openai": (openai, read_chat),
    "deepseek": (deepseek, read_chat),
    "anthropic": (anthropic, read_anthropic),
}
