"""What a model costs, and how its provider is spoken to."""

from decimal import Decimal

import msgspec
import pytest

from engine.deciding.answers import read_answer
from engine.deciding.errors import BadAnswer, ModelUnclear
from engine.deciding.models import Usage, cost_of, describe, most_cost, most_of, read_model
from engine.deciding.protocols import PROTOCOLS, Talk, Turn
from engine.errors import BadParameters
from tests.engine.deciding.cases import LONG, answer

GPT = {"name": "gpt", "protocol": "openai", "base_url": "https://api.example/v1", "model": "gpt-5"}
TALK = Talk(system="rules", turns=(Turn(role="user", text="now"),))

BAD = {
    "name": "",
    "protocol": "telepathy",
    "base_url": "ftp://api.example",
    "model": None,
    "temperature": 2.1,
    "max_tokens": 63,
    "retries": -1,
    "input_price": -0.1,
    "output_price": float("inf"),
    "nickname": "x",
}
ADDRESSES = (
    "https://key@api.example/v1",
    "https://api.example/v1?key=1",
    "https:///v1",
    "api.example",
    "https://api.example:99999",
    "https://api.example/v1\r\nX: y",
    "http://api.example:0",
)


@pytest.mark.parametrize(("field", "value"), BAD.items(), ids=BAD)
def test_a_model_out_of_bounds_is_refused_by_name(field, value):
    with pytest.raises(BadParameters, match=field):
        read_model(GPT | {field: value})


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_one_that_can_be_asked(address):
    with pytest.raises(BadParameters, match="base_url"):
        read_model(GPT | {"base_url": address})


def test_a_model_is_described():
    assert all(one.meaning for one in describe())


def test_a_call_costs_what_its_tokens_do():
    model = read_model(GPT | {"input_price": 3, "cached_price": 0.3, "output_price": 15})
    assert cost_of(model, Usage(input=1_000, output=100, cached=600)) == Decimal("0.00288")
    assert cost_of(model, Usage(input=10, output=0, cached=99)) == Decimal("0.000003")


def test_no_call_costs_more_than_was_set_aside():
    model = read_model(GPT | {"input_price": 3, "output_price": 15, "max_tokens": 100})
    most = most_of(model, "rules", "现在")
    assert most == Usage(input=64 + 5 + 6, output=100)
    assert most_cost(model, most) == cost_of(model, most)
    dear = read_model(GPT | {"input_price": 3, "cached_price": 4})
    all_cached = Usage(input=most.input, cached=most.input, output=0)
    assert most_cost(dear, most) >= cost_of(dear, all_cached)


def asked(**changes):
    model = read_model(GPT | changes)
    return PROTOCOLS[model.protocol][0](model, "sk-1", TALK)


def test_openai_is_asked_for_the_schema():
    request = asked(temperature=0.7)
    assert request.path == "/chat/completions"
    assert request.headers == {"Authorization": "Bearer sk-1"}
    assert request.body["messages"] == [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": "now"},
    ]
    assert request.body["response_format"]["json_schema"]["strict"] is True
    assert request.body["max_completion_tokens"] == 4_096
    assert request.body["temperature"] == 0.7
    assert "top_p" not in request.body


def test_deepseek_is_asked_for_an_object():
    request = asked(protocol="deepseek")
    assert request.body["response_format"] == {"type": "json_object"}
    assert request.body["max_tokens"] == 4_096


def test_anthropic_is_asked_to_call_a_tool():
    request = asked(protocol="anthropic")
    assert request.path == "/v1/messages"
    assert request.headers["x-api-key"] == "sk-1"
    assert request.body["system"] == "rules"
    assert request.body["tool_choice"] == {"type": "tool", "name": "decide"}
    assert request.body["tools"][0]["input_schema"]["required"] == ["decisions"]
    assert "temperature" not in request.body


CHAT = {"choices": [{"message": {"content": "text"}}]}
REPLIES = {
    "openai": (
        "openai",
        CHAT
        | {
            "usage": {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 4},
            }
        },
        Usage(input=9, output=2, cached=4),
    ),
    "deepseek": (
        "deepseek",
        CHAT
        | {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 8}},
        Usage(input=9, output=2, cached=8),
    ),
    "anthropic": (
        "anthropic",
        {
            "content": [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "text"}],
            "usage": {
                "input_tokens": 9,
                "output_tokens": 2,
                "cache_read_input_tokens": 7,
                "cache_creation_input_tokens": 5,
            },
        },
        Usage(input=21, output=2, cached=7),
    ),
    "without a count": ("openai", CHAT | {"usage": None}, None),
}


@pytest.mark.parametrize(("protocol", "body", "usage"), REPLIES.values(), ids=REPLIES)
def test_a_reply_tells_its_text_and_its_tokens(protocol, body, usage):
    reply = PROTOCOLS[protocol][1](msgspec.json.encode(body))
    assert (reply.text, reply.usage) == ("text", usage)


def called(*inputs):
    blocks = ",".join(f'{{"type":"tool_use","name":"decide","input":{text}}}' for text in inputs)
    return PROTOCOLS["anthropic"][1](f'{{"content":[{blocks}]}}'.encode()).text


def test_what_a_tool_was_called_with_is_read_to_the_letter():
    assert len(read_answer(called(answer(LONG)))) == 1
    with pytest.raises(BadAnswer) as doubled:
        read_answer(called('{"decisions": [], "decisions": []}'))
    assert doubled.value.rule == "duplicate_key"
    with pytest.raises(BadAnswer) as twice:
        read_answer(called(answer(LONG), answer()))
    assert twice.value.rule == "one_value"


def test_a_refusal_is_no_decision():
    reply = PROTOCOLS["openai"][1](b'{"choices":[{"message":{"refusal":"I cannot."}}]}')
    with pytest.raises(BadAnswer):
        read_answer(reply.text)


UNREADABLE = {
    "a page": b"<html>",
    "nothing": b"",
    "half": b'{"choices":[{"mess',
    "a list": b"[]",
    "no choice": b'{"choices":[]}',
    "a number for a text": b'{"choices":[{"message":{"content":5}}]}',
    "fewer tokens than none": b'{"choices":[{"message":{}}],"usage":{"prompt_tokens":-5,'
    b'"completion_tokens":1}}',
    "no UTF-8": b'{"choices":[{"message":{"content":"\xff"}}]}',
    "half a character": b'{"choices":[{"message":{"content":"\\ud800"}}]}',
    "nested too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_of_no_protocol_is_none(protocol, body):
    with pytest.raises(ModelUnclear):
        PROTOCOLS[protocol][1](body)
