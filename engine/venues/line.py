"""The line to a venue: a ccxt class signs and carries, one request at a time.

Nothing else of the library is used: its unified calls pass money through floats,
send more requests than one asks for, repeat them when told to, and name a timeout
and a refusal alike. Here a request goes out once, and what comes back is an answer
that proves something by its raw code, or one of two errors: it never left, or it
left and nobody knows.
"""

import copy
import json
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlsplit

import ccxt

from engine.errors import VenueError
from engine.venues.answers import (
    UNREADABLE,
    Answered,
    NeverSent,
    NoAnswer,
    Outcome,
    Table,
    outcome_of,
)

TIMEOUT_SECONDS = 10
# Answers that turn away for a time, and for how long where they do not say.
TURNED_AWAY = {429: 1.0, 418: 120.0}
TOLD_LENGTH = 200
# What the transport raises when no connection came about, by name: it is ccxt's choice, not ours.
NEVER_CONNECTED = {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}

Params = dict[str, Any]
Words = Mapping[str, Any]


class Credentials(Protocol):
    @property
    def api_key(self) -> str: ...
    @property
    def api_secret(self) -> str: ...
    @property
    def passphrase(self) -> str: ...


def decoded(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def bare(text: str) -> Any:
    """What a text says as JSON; None where it is none."""
    try:
        return decoded(text)
    except ValueError:
        return None


class Turnstile(Protocol):
    """What keeps requests within the venue's limits, for all who share those."""

    def enter(self, weight: float) -> None:
        """Wait for the turn of a request; NeverSent where that is too long."""

    def shut(self, seconds: float) -> None:
        """The venue wants to hear nothing for so long."""


class Carrier:
    """What is changed in a ccxt class: who judges an answer, and what is put on the wire."""

    # ccxt writes requests with their headers, and so the key, to its logger.
    logger: Any
    base_url: str | None = None
    judge: Callable[[int, Any], None]
    turned_away: Callable[[int, Mapping[str, str]], None]
    once: Mapping[str, str] = {}
    went = False
    on_json_response = staticmethod(decoded)

    def handle_errors(
        self, status: int, reason: str, url: str, method: str, headers: Any, body: str,
        response: Any, *sent: object,
    ) -> bool:  # fmt: skip
        self.turned_away(status, headers or {})
        # The library reads objects and lists only; some answers are a bare word.
        self.judge(status, bare(body) if response is None else response)
        return True

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        if self.base_url and not url.startswith(f"{self.base_url}/"):
            raise ccxt.NotSupported("the request would leave for another host")
        self.went = True
        return super().fetch(url, method, {**(headers or {}), **self.once}, body)  # type: ignore[misc]


def silent() -> logging.Logger:
    logger = logging.Logger("engine.venues.silent")
    logger.disabled = True
    return logger


def rebased(addresses: Any, base_url: str) -> Any:
    """The same addresses at another host, paths kept."""
    if isinstance(addresses, Mapping):
        return {name: rebased(address, base_url) for name, address in addresses.items()}
    url = urlsplit(addresses.replace("{hostname}", "venue"))
    return (f"ws{base_url[4:]}" if url.scheme.startswith("ws") else base_url) + url.path


def never_connected(error: BaseException | None) -> bool:
    """Whether it failed before a byte could leave: no such name, or nobody listening."""
    for _ in range(10):
        if error is None or type(error).__name__ in NEVER_CONNECTED:
            return error is not None
        inner = getattr(error, "reason", None) or next(iter(error.args), None)
        outer = error.__cause__ or error.__context__
        error = inner if isinstance(inner, BaseException) else outer
    return False


class Line(ABC):
    """One account's line to one venue. It never repeats a request, and never tells a secret."""

    name: str
    library: type[Any]
    answers: Table
    options: Mapping[str, Any] = {}
    # What a request counts as where the venue counts; of some methods it is known to be more.
    usual_weight = 1.0
    weights: Mapping[str, float] = {}
    turnstile: Turnstile | None = None

    def __init__(self, credentials: Credentials, *, base_url: str | None = None) -> None:
        self._secrets = [credentials.api_key, credentials.api_secret, credentials.passphrase]
        self._line = threading.RLock()
        keys = self.keys(credentials)
        self._key_names = list(keys)
        self.client = self._carrier(keys, base_url)

    @abstractmethod
    def keys(self, credentials: Credentials) -> Params:
        """The credentials under the names that ccxt gives them."""

    @abstractmethod
    def code_of(self, status: int, response: Any) -> tuple[str, str] | None:
        """The raw code in an answer and what is said to it; None for a success."""

    def call(
        self,
        method: str,
        params: Params | list[Params] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = TIMEOUT_SECONDS,
        weight: float | None = None,
    ) -> Any:
        """One request to one endpoint, never repeated."""
        return self.through(
            lambda client: getattr(client, method)(copy.copy(params or {})),
            headers=headers,
            seconds=seconds,
            weight=weight or self.weights.get(method),
        )

    def tell(self, method: str, params: Params) -> Any:
        """A change of the account's settings; None where everything was so already."""
        try:
            return self.call(method, params)
        except Answered as error:
            if error.outcome is not Outcome.ACCEPTED:
                raise
            return None

    def through(
        self,
        use: Callable[[Any], Any],
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = TIMEOUT_SECONDS,
        weight: float | None = None,
    ) -> Any:
        """Something done with the library; whatever it raises becomes one of our three errors."""
        if self.turnstile:
            self.turnstile.enter(weight or self.usual_weight)
        with self._line:
            self.client.timeout = max(1, int(seconds * 1000))
            self.client.once = headers or {}
            self.client.went = False
            try:
                return use(self.client)
            except (ccxt.BaseError, OSError, *UNREADABLE) as error:
                raise self._lost(error) from None

    def close(self) -> None:
        """Nothing goes over the line any more, and nobody finds the keys in it."""
        with self._line:
            self.client.session.close()
            for name in self._key_names:
                setattr(self.client, name, None)
            self._secrets.clear()

    def _carrier(self, keys: Params, base_url: str | None) -> Any:
        made = type("Carrier", (Carrier, self.library), {})
        client = made({**keys, "logger": silent()})
        client.options.update(self.options)
        # A redirect would be a second request, perhaps to somebody else.
        client.session.max_redirects = 0
        client.judge = self.judge
        client.turned_away = self._turned_away
        # Some classes send a broker's mark of the library's.
        client.headers = {}
        if base_url:
            client.base_url = base_url
            client.urls["api"] = rebased(client.urls["api"], base_url)
            client.enableRateLimit = False
            # A proxy of the environment would be another host.
            client.session.trust_env = False
        return client

    def judge(self, status: int, response: Any) -> None:
        """Raise what an answer proves; a success passes."""
        found = self.code_of(status, response)
        if found is None and not 200 <= status < 300:
            found = (f"http {status}", "")
        if found is None and response is None:
            found = ("no json", "")
        if found:
            raw, told = found
            outcome = outcome_of(raw, self.answers)
            raise Answered(raw, self._hidden(told)[:TOLD_LENGTH], outcome)

    def _turned_away(self, status: int, headers: Mapping[str, str]) -> None:
        if self.turnstile and status in TURNED_AWAY:
            told = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
            self.turnstile.shut(int(told) if told.isdecimal() else TURNED_AWAY[status])

    def _lost(self, error: BaseException) -> VenueError:
        """Why there is no answer, told without the request: it holds the key and a signature."""
        name = type(error).__name__
        if not self.client.went:
            return NeverSent(f"the request could not be made: {name}")
        if never_connected(error):
            return NeverSent(f"{self.name} could not be reached")
        return NoAnswer(f"no answer of {self.name}: {name}")

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            if len(secret) > 3:
                text = text.replace(secret, "…")
        return text
