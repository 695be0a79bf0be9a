"""Whatever stands in a request, every dialect answers in its own words and nothing breaks."""

import base64
import hashlib
import hmac
import itertools
import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
import requests

from engine.paper.service.binance import PRIVATE as BINANCE
from engine.paper.service.gate import PRIVATE as GATE
from engine.paper.service.okx import PRIVATE as OKX
from tests.engine.paper.clients import Control, now_ms, serving

ROUTES = {
    "binance": [(method, path) for method, path, *_ in BINANCE],
    "okx": [(method, f"/api/v5/{path}") for method, path, *_ in OKX],
    "gate": [(method, f"/api/v4/{path}") for method, path, *_ in GATE],
}
GARBAGE = ["", "-1", "0", "1e999", "NaN", "9" * 40, "x", "long", "BUY", "\u00e9\u0000", "1e-30"]
NAMES = {
    "binance": "symbol side type quantity price positionSide timeInForce algoType triggerPrice "
    "orderId origClientOrderId algoId leverage marginType dualSidePosition limit startTime fromId "
    "closePosition reduceOnly newClientOrderId countdownTime incomeType timestamp recvWindow",
    "okx": "instId tdMode side posSide ordType sz px clOrdId ordId algoId lever mgnMode posMode "
    "slTriggerPx slOrdPx triggerPx orderPx closeFraction timeOut before after begin limit state",
    "gate": "contract size price tif text reduce_only close auto_size initial trigger status limit "
    "offset leverage cross_leverage_limit dual_mode mode last_id from to type timeout order",
}
PLAUSIBLE = {
    "binance": {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"},
    "okx": {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "market"},
    "gate": {"contract": "BTC_USDT", "size": 1, "price": "0", "tif": "ioc", "status": "open"},
}


@pytest.fixture(scope="module")
def service():
    with serving() as started:
        yield started


def asked_binance(key, method, path, told):
    text = urlencode({"timestamp": now_ms(), **told})
    signature = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{path}?{text}&signature={signature}", "", {"X-MBX-APIKEY": key.api_key}


def asked_okx(key, method, path, told):
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    target = f"{path}?{urlencode(told)}" if method == "GET" and told else path
    body = json.dumps(told) if method != "GET" else ""
    digest = hmac.new(key.secret.encode(), (at + method + target + body).encode(), hashlib.sha256)
    headers = {
        "OK-ACCESS-KEY": key.api_key,
        "OK-ACCESS-SIGN": base64.b64encode(digest.digest()).decode(),
        "OK-ACCESS-TIMESTAMP": at,
        "OK-ACCESS-PASSPHRASE": key.passphrase,
    }
    return target, body, headers


def asked_gate(key, method, path, told):
    is_body = method == "POST" and "positions" not in path and "dual" not in path
    query = "" if is_body else urlencode(told)
    body = json.dumps(told) if is_body else ""
    at = str(now_ms() // 1000)
    parts = (method, path, query, hashlib.sha512(body.encode()).hexdigest(), at)
    signature = hmac.new(key.secret.encode(), "\n".join(parts).encode(), hashlib.sha512).hexdigest()
    headers = {"KEY": key.api_key, "SIGN": signature, "Timestamp": at}
    return f"{path}?{query}" if query else path, body, headers


SIGN = {"binance": asked_binance, "okx": asked_okx, "gate": asked_gate}


@pytest.mark.parametrize("dialect", ROUTES)
def test_garbage_is_refused_and_breaks_nothing(service, dialect):
    key = next(key for key in service.keys if key.dialect == dialect)
    names = NAMES[dialect].split()
    values = itertools.cycle(GARBAGE)
    session = requests.Session()
    session.trust_env = False

    def ask(method, path, told):
        path = path.replace("{order_id}", "1").replace("{contract}", "BTC_USDT")
        target, body, headers = SIGN[dialect](key, method, path, told)
        answer = session.request(
            method, service.address + target, data=body, headers=headers, timeout=5
        )
        assert answer.status_code < 500, (path, told, answer.text)
        assert answer.status_code != 401, "the signature of this test is wrong"
        assert answer.json() is not None

    for method, path in ROUTES[dialect]:
        ask(method, path, {})
        ask(method, path, PLAUSIBLE[dialect])
        for name in names:
            ask(method, path, PLAUSIBLE[dialect] | {name: next(values)})
        ask(method, path, dict(zip(names, values, strict=False)))
    if dialect == "okx":
        for told in ([], [{}], ["x"], [[]], 5, None):
            ask("POST", "/api/v5/trade/batch-orders", told)
    truth = Control(service).truth()
    assert truth["total"] == truth["deposited"]
