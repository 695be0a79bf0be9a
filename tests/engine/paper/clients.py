"""The unmodified ccxt classes, pointed at a host of our own, and the control of a service."""

import contextlib
import time
from urllib.parse import urlparse

import ccxt
import requests

from engine.paper.service.service import PaperService

OPTIONS = {
    "binance": {"fetchMarkets": {"types": ["linear"]}},
    "okx": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap"},
    "gate": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap", "unifiedAccount": False},
}
CLASSES = {"binance": ccxt.binanceusdm, "okx": ccxt.okx, "gate": ccxt.gate}
BTC = "BTC/USDT:USDT"


def now_ms():
    return int(time.time() * 1000)


@contextlib.contextmanager
def serving(**options):
    service = PaperService(clock=options.pop("clock", now_ms), **options)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def rebased(told, host):
    """The same addresses at another host; every one of them, so that nothing leaves this one."""
    if isinstance(told, dict):
        return {name: rebased(one, host) for name, one in told.items()}
    if isinstance(told, list):
        return [rebased(one, host) for one in told]
    if isinstance(told, str) and "://" in told:
        return host + urlparse(told.replace("{hostname}", "h")).path
    return told


def client(service, dialect, *, key=None, **config):
    if key is None:
        key = next(key for key in service.keys if key.dialect == dialect)
    made = CLASSES[dialect](
        {
            "apiKey": key.api_key,
            "secret": key.secret,
            "password": key.passphrase,
            "enableRateLimit": False,
            "options": OPTIONS[dialect],
        }
        | config
    )
    made.urls["api"] = rebased(made.urls["api"], service.address)
    made.has["fetchCurrencies"] = False
    made.session.trust_env = False
    return made


class Control:
    def __init__(self, service):
        self.address = service.control_address

    def ask(self, method, path, told=None):
        answer = requests.request(method, self.address + path, json=told, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def truth(self, account=None):
        told = self.ask("GET", "/truth")
        return told["accounts"][account] if account else told

    def hold(self, **prices):
        return self.ask(
            "POST", "/prices", {f"{base}/USDT": price for base, price in prices.items()}
        )

    def fault(self, kind, **details):
        return self.ask("POST", "/faults", {"kind": kind, **details})

    def open(self, dialect, cash=10_000, **key):
        return self.ask("POST", "/accounts", {"dialect": dialect, "cash": str(cash), **key})
