"""OKX: perpetual swaps, counted in contracts, in a unified account.

Every order says `tdMode` itself: leverage and margin set beforehand do not
decide it, and without it the account's own default does. An order's answer
only says that it was taken; what became of it has to be asked for.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import ccxt

from engine.errors import VenueRefused
from engine.messages import Fill, Margin, PaymentKind, PositionMode, Style, number
from engine.order import OrderStatus
from engine.signal import Direction, Side
from engine.venues import client_ids
from engine.venues.answers import PLACED_NOTHING, Answered, Outcome, Table, gone_is_as_good, rows
from engine.venues.base import (
    Balance,
    Bar,
    Depth,
    Holding,
    Interest,
    Limits,
    OwnedFill,
    Payment,
    Request,
)
from engine.venues.ccxt import (
    CcxtVenue,
    Market,
    Placing,
    Told,
    bar_of,
    decimal,
    described,
    if_told,
    levels_of,
    now_ms,
)
from engine.venues.line import Credentials, Params, Words
from engine.venues.streams import Way

SETTLED_IN = "USDT"
# What a maker's orders are tagged with, so that its switch for dead men takes no others.
QUOTE = "quote"
PAGE = 100
AT_MARKET = "-1"

STATUSES = {
    "live": OrderStatus.OPEN,
    "partially_filled": OrderStatus.OPEN,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "mmp_canceled": OrderStatus.CANCELED,
}
LIMIT_TYPES = {Style.PLAIN: "limit", Style.IOC: "ioc", Style.POST_ONLY: "post_only"}
MARGINS = {Margin.ISOLATED: "isolated", Margin.CROSS: "cross"}
OUR_MARGINS = {word: margin for margin, word in MARGINS.items()}
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
SIDES_OF_A_POSITION = {"long", "short"}
MODES = {PositionMode.HEDGE: "long_short_mode", PositionMode.ONE_WAY: "net_mode"}
NET = "net"
# Types of bills, as the account's history numbers them.
PAYMENTS = {"8": PaymentKind.FUNDING, "1": PaymentKind.TRANSFER}

# Days are the venue's own, eight hours ahead, unless UTC is asked for.
TIMEFRAMES = {name: name for name in ("1m", "3m", "5m", "15m", "30m")}
TIMEFRAMES |= {"1h": "1H", "4h": "4H", "1d": "1Dutc"}

ANSWERS: Table = {
    **rows(Outcome.BUSY, 50011, 50061, "http 429"),
    # The timestamp was old, or the order's own `expTime` was over.
    **rows(Outcome.EXPIRED, 50036, 50037, 50102),
    **rows(Outcome.EXISTS, 50071, 51016),
    **rows(Outcome.ABSENT, 51400, 51401, 51402, 51410, 51603),
    # The request's form.
    **rows(Outcome.REJECTED, 50000, 50002, 50006, 50014, 50015, 50016, 50024, 50025, 50115),
    # The key, its rights, and the signature.
    **rows(Outcome.REJECTED, 50008, 50100, 50101, *range(50103, 50115), 50118, 50119),
    **rows(Outcome.REJECTED, 50120, 50121, 50122),
    # The account: suspended, frozen, restricted.
    **rows(Outcome.REJECTED, 50007, 50009, 50012, *range(50017, 50024), 50027, 50028, 50029),
    **rows(Outcome.REJECTED, 50030, 50032, 50033, 50035, 50038, 50041, 50044, 50051, 50052),
    **rows(Outcome.REJECTED, 50059, 50060, 50062, 50072, 50075),
    # The order against the instrument, the funds and the limits.
    **rows(Outcome.REJECTED, *range(51000, 51011), 51012, 51014, 51015, *range(51017, 51032)),
    **rows(Outcome.REJECTED, 51046, 51047, 51051, *range(51100, 51113), 51113, 51115, 51116),
    **rows(Outcome.REJECTED, 51117, 51118, 51119, 51120, 51121, 51122, 51124, 51125, 51126),
    **rows(Outcome.REJECTED, 51127, 51128, 51129, 51130, 51131, 51132, *range(51134, 51140)),
    **rows(Outcome.REJECTED, 51148, 51155, 51156, 51159, 51162, 51163, 51166, 51169, 51174),
    **rows(Outcome.REJECTED, 51185, 51201, 51202, 51203, 51204, 51205, 51250, 51276),
    **rows(Outcome.REJECTED, *range(51277, 51281), 51327, 51328, 51329, 51330),
    # Mode and leverage cannot be changed as things are.
    **rows(Outcome.REJECTED, 59000, 59001, *range(59100, 59110), 59113, 59200, 59201),
    # Named although anything unnamed is the same: these say nothing of the order's fate.
    **rows(Outcome.UNKNOWN, 50001, 50004, 50005, 50013, 50026, 50040, 50042, 51011, 51149),
    **rows(Outcome.UNKNOWN, "no code"),
    **rows(Outcome.UNKNOWN, "http 502", "http 503", "http 504"),
}


class Okx(CcxtVenue):
    name = "okx"
    library = ccxt.okx
    answers = ANSWERS
    timeframes = TIMEFRAMES
    bars_at_once = PAGE
    # Snapshots of five levels each tenth of a second: nothing to keep in step.
    way = Way(levels=5, options={"fetchMarkets": {"types": ["swap"]}})
    # Each call has a limit of its own; the tightest are ten a second, and twenty for fills.
    limits = Limits(units=20, orders=30, costs={Request.ACCOUNT: 2, Request.DEAD_MAN: 10})

    def keys(self, credentials: Credentials) -> Params:
        return {
            "apiKey": credentials.api_key,
            "secret": credentials.api_secret,
            "password": credentials.passphrase,
        }

    def code_of(self, status: int, response: Any) -> tuple[str, str] | None:
        """Every answer has a code; where an order failed, the true one is told with the order."""
        if not isinstance(response, Mapping):
            return None
        if "code" not in response:
            return ("no code", "") if status < 300 else None
        rows_told = response.get("data")
        first = rows_told[0] if isinstance(rows_told, list) and rows_told else {}
        code = first.get("sCode", "0") if isinstance(first, Mapping) else "0"
        if str(response["code"]) == "0" and str(code) == "0":
            return None
        if str(code) != "0":
            # Some are told with the number of a variant behind.
            return str(code).partition("_")[0], str(first.get("sMsg", ""))
        return str(response["code"]), str(response.get("msg", ""))

    # Market data.

    def ask_markets(self, symbol: str) -> Mapping[str, Words]:
        told = self._data("publicGetPublicInstruments", {"instType": "SWAP"})
        return {
            symbol_of(words["instId"]): words
            for words in told
            if words["ctType"] == "linear" and words["settleCcy"] == SETTLED_IN
        }

    def market_of(self, symbol: str, words: Words) -> Market:
        base, quote = symbol.split("/")
        is_in_coins = words["ctValCcy"] == base and words["ctVal"] and words["ctMult"]
        contract = decimal(words["ctVal"]) * decimal(words["ctMult"]) if is_in_coins else Decimal(0)
        told = {
            "tick": words["tickSz"],
            "step": words["lotSz"],
            "min_quantity": words["minSz"],
            # Swaps have a smallest size and no smallest value.
            "min_notional": Decimal(0),
        }
        instrument = described(symbol, told, contract=contract)
        return Market(instrument, words["instId"], contract, quote, words)

    def ask_price(self, market: Market) -> Decimal:
        (words,) = self._data("publicGetMarketTicker", {"instId": market.native})
        return decimal(words["last"])

    def ask_interest(self, market: Market) -> Interest:
        asked = {"instType": "SWAP", "instId": market.native}
        (held,) = self._data("publicGetPublicOpenInterest", asked)
        (rate,) = self._data("publicGetPublicFundingRate", {"instId": market.native})
        return Interest(decimal(held["oiCcy"]), decimal(rate["fundingRate"]))

    def ask_depth(self, market: Market) -> Depth:
        (told,) = self._data("publicGetMarketBooks", {"instId": market.native, "sz": "10"})
        bids, asks = (levels_of(market, told[side]) for side in ("bids", "asks"))
        return Depth(bids, asks, int(told.get("ts") or 0))

    def send_dead_man(self, market: Market, seconds: int) -> bool:
        """Of the whole account what carries the tag of quotes: one time for all symbols."""
        self.call("privatePostTradeCancelAllAfter", {"timeOut": str(seconds), "tag": QUOTE})
        return True

    def ask_bars(
        self, market: Market, timeframe: str, since_ms: int, until_ms: int
    ) -> Iterator[Bar]:
        """Both edges are left out by the venue; its volumes are contracts first, then coins."""
        span = {"before": str(since_ms - 1), "after": str(until_ms), "limit": str(PAGE)}
        asked = {"instId": market.native, "bar": timeframe} | span
        for at, first, high, low, last, _, coins, *_ in self._data(
            "publicGetMarketHistoryCandles", asked
        ):
            yield bar_of(at, first, high, low, last, coins)

    # The account's modes.

    def ask_hedged(self) -> bool:
        return bool(self._config()["posMode"] == MODES[PositionMode.HEDGE])

    def switch_mode(self, mode: PositionMode) -> None:
        self.tell("privatePostAccountSetPositionMode", {"posMode": MODES[mode]})

    def prepare(self, placing: Placing) -> None:
        ticket = placing.ticket
        asked = {"instId": placing.market.native, "mgnMode": MARGINS[ticket.margin]}
        for now in self._data("privateGetAccountLeverageInfo", asked):
            # With isolated margin each side has a leverage of its own; the other one stays.
            side = now.get("posSide")
            is_meant = side not in SIDES_OF_A_POSITION or side == ticket.direction
            if is_meant and decimal(now["lever"]) != ticket.leverage:
                of_side = {"posSide": side} if side in SIDES_OF_A_POSITION else {}
                wanted = asked | {"lever": str(ticket.leverage)} | of_side
                self.tell("privatePostAccountSetLeverage", wanted)

    # Orders.

    def send(self, placing: Placing) -> Told:
        (words,) = self.call(
            "privatePostTradeOrder",
            order_words(placing),
            headers={"expTime": str(placing.ticket.not_after_ms)},
            seconds=placing.seconds_left,
        )["data"]
        native, ours = placing.market.native, placing.client_order_id
        return Told(native, words["ordId"], ours, OrderStatus.OPEN, Decimal(0))

    def look_up(self, market: Market, client_order_id: str) -> Told:
        asked = {"instId": market.native, "clOrdId": client_order_id}
        (words,) = self._data("privateGetTradeOrder", asked)
        return told_of(market, words)

    def look_up_number(self, market: Market, venue_order_id: str) -> Told:
        asked = {"instId": market.native, "ordId": venue_order_id}
        (words,) = self._data("privateGetTradeOrder", asked)
        return told_of(market, words)

    def send_cancel(self, market: Market, client_order_id: str) -> None:
        asked = {"instId": market.native, "clOrdId": client_order_id}
        self.call("privatePostTradeCancelOrder", asked)

    def fills_of(self, market: Market, told: Told) -> list[Fill]:
        """The last three days are told at once; what is older stands in the history."""
        asked = {"instType": "SWAP", "instId": market.native, "ordId": told.venue_order_id}
        for where in ("privateGetTradeFills", "privateGetTradeFillsHistory"):
            fills = [self._fill(market, words) for words in self._pages(where, asked, "billId")]
            if sum(Decimal(fill.quantity) for fill in fills) >= told.filled:
                break
        return fills

    def ask_open_orders(self, market: Market | None) -> Iterator[tuple[Market, Told]]:
        asked = {"instType": "SWAP"} | ({"instId": market.native} if market else {})
        for words in self._pages("privateGetTradeOrdersPending", asked, "ordId"):
            if market or symbol_of(words["instId"]).endswith(f"/{SETTLED_IN}"):
                where = market or self.market(symbol_of(words["instId"]))
                yield where, told_of(where, words)

    def ask_fills(self, market: Market, since_ms: int) -> Iterator[OwnedFill]:
        asked = {"instType": "SWAP", "instId": market.native, "begin": str(since_ms)}
        for words in self._pages("privateGetTradeFillsHistory", asked, "billId"):
            yield OwnedFill(
                symbol=market.instrument.symbol,
                client_order_id=client_ids.read_back(self.name, words["clOrdId"]),
                venue_order_id=words["ordId"],
                side=SIDES[words["side"]],
                fill=self._fill(market, words),
            )

    def ask_fired(self, market: Market, since_ms: int) -> Iterator[str]:
        """Those that fired; newest first, by when they were set."""
        kinds = {"ordType": "conditional,oco", "state": "effective", "instType": "SWAP"}
        asked = kinds | {"instId": market.native}
        for words in self._pages("privateGetTradeOrdersAlgoHistory", asked, "algoId"):
            if int(words["cTime"]) < since_ms:
                return
            if has_fired(words):
                yield words["ordId"]

    def send_protection(
        self, market: Market, direction: Direction, stop: Decimal | None, target: Decimal | None
    ) -> None:
        """One order that holds both and closes the whole side; an old one has to go first."""
        asked = {"ordType": "conditional,oco", "instType": "SWAP", "instId": market.native}
        side = direction.value if self.hedged() else NET
        closing = "sell" if direction is Direction.LONG else "buy"
        standing = self._data("privateGetTradeOrdersAlgoPending", asked)
        old = [told for told in standing if closes(told, side, closing)]
        if [prices_of(told) for told in old] == [(stop, target)]:
            return
        words = protection_words(market, side, closing, stop, target)
        is_wanted = stop is not None or target is not None
        if is_wanted:
            words["tdMode"] = self._margin_of(market, direction)
        if old:
            named = [{"algoId": told["algoId"], "instId": market.native} for told in old]
            with gone_is_as_good():
                self.call("privatePostTradeCancelAlgos", named)
        if is_wanted:
            self._replace(words, [told_before(market, side, closing, told) for told in old])

    # Books.

    def ask_balance(self) -> Balance:
        (account,) = self._data("privateGetAccountBalance", {"ccy": SETTLED_IN})
        words = next((row for row in account["details"] if row["ccy"] == SETTLED_IN), None)
        if words is None:
            return Balance(Decimal(0), Decimal(0), Decimal(0))
        # Isolated margin has left the cash balance but not the equity.
        unrealised = decimal(words["upl"] or 0)
        free = words.get("availEq") or words["availBal"]
        return Balance(decimal(words["eq"]) - unrealised, decimal(free), unrealised)

    def ask_holdings(self) -> Iterator[Holding]:
        for words in self._data("privateGetAccountPositions", {"instType": "SWAP"}):
            is_ours = words["ccy"] == SETTLED_IN and words["pos"] not in ("", "0")
            if is_ours and symbol_of(words["instId"]).endswith(f"/{SETTLED_IN}"):
                yield holding_of(self.market(symbol_of(words["instId"])), words)

    def ask_payments(self, since_ms: int) -> Iterator[Payment]:
        for kind in PAYMENTS:
            asked = {"type": kind, "ccy": SETTLED_IN, "begin": str(since_ms)}
            for words in self._pages("privateGetAccountBillsArchive", asked, "billId"):
                yield payment_of(words)

    def ask_rights(self) -> tuple[bool | None, bool | None]:
        told = self._config()
        rights = told["perm"].split(",")
        # In the first account level there are no contracts.
        return "trade" in rights and told["acctLv"] != "1", "withdraw" in rights

    def ask_clock(self) -> int:
        (words,) = self._data("publicGetPublicTime")
        return int(words["ts"])

    # Inside.

    def _data(self, method: str, params: Params | None = None) -> list[Any]:
        return list(self.call(method, params)["data"])

    def _config(self) -> Words:
        (words,) = self._data("privateGetAccountConfig")
        return dict(words)

    def _pages(self, method: str, asked: Params, mark: str) -> Iterator[Words]:
        """Newest first; the mark of the last row asks for what is older."""
        page = self._data(method, asked | {"limit": str(PAGE)})
        yield from page
        while len(page) == PAGE:
            page = self._data(method, asked | {"limit": str(PAGE), "after": page[-1][mark]})
            yield from page

    def _replace(self, new: Params, old: list[Params]) -> None:
        """The old ones are gone already; where the new one is refused, they come back."""
        try:
            self.call("privatePostTradeOrderAlgo", new)
        except Answered as error:
            if error.outcome in PLACED_NOTHING:
                for words in old:
                    self.call("privatePostTradeOrderAlgo", words)
            raise

    def _fill(self, market: Market, words: Words) -> Fill:
        # The venue writes what it takes as negative.
        fee = self.in_quote(-decimal(words["fee"] or 0), words["feeCcy"] or market.quote, market)
        return Fill(
            venue_fill_id=words["tradeId"],
            quantity=number(market.coins(decimal(words["fillSz"]))),
            price=number(decimal(words["fillPx"])),
            fee=number(fee),
            filled_at_ms=int(words["ts"]),
        )

    def _margin_of(self, market: Market, direction: Direction) -> str:
        """The margin of what is held: what protects it has to name the same."""
        for words in self._data("privateGetAccountPositions", {"instId": market.native}):
            if words["pos"] not in ("", "0") and direction_of(words) is direction:
                return str(words["mgnMode"])
        raise VenueRefused(f"no {direction} of {market.instrument.symbol} is held")


def symbol_of(native: str) -> str:
    return "/".join(native.split("-")[:2])


def order_words(placing: Placing) -> Params:
    ticket = placing.ticket
    words: Params = {
        "instId": placing.market.native,
        "tdMode": MARGINS[ticket.margin],
        "side": ticket.side.value,
        "ordType": "market" if placing.price is None else LIMIT_TYPES[ticket.style],
        "sz": number(placing.market.contracts(placing.quantity)),
        "clOrdId": placing.client_order_id,
    }
    if placing.price is not None:
        words["px"] = number(placing.price)
    if placing.is_quote:
        words["tag"] = QUOTE
    if placing.is_hedged:
        words["posSide"] = ticket.direction.value
    if not placing.is_opening:
        words["reduceOnly"] = True
    return words


def protection_words(
    market: Market, side: str, closing: str, stop: Decimal | None, target: Decimal | None
) -> Params:
    made_of = client_ids.made_of(f"{market.native}|{side}|{stop}|{target}|{now_ms()}")
    words: Params = {
        "instId": market.native,
        "side": closing,
        "posSide": side,
        # `conditional` holds one of the two; with `oco` the one that fires cancels the other.
        "ordType": "oco" if stop is not None and target is not None else "conditional",
        "closeFraction": "1",
        "algoClOrdId": made_of,
        # Without one of ours the library would sign with a broker's.
        "clOrdId": made_of,
    }
    if side == NET:
        words["reduceOnly"] = True
    for kind, price in (("sl", stop), ("tp", target)):
        if price is not None:
            trigger = {f"{kind}TriggerPx": number(price), f"{kind}TriggerPxType": "last"}
            words |= trigger | {f"{kind}OrdPx": AT_MARKET}
    return words


def told_before(market: Market, side: str, closing: str, words: Words) -> Params:
    """An order that stood, in the words that ask for it again."""
    again = protection_words(market, side, closing, *prices_of(words))
    return again | {"tdMode": words["tdMode"]}


def closes(words: Words, side: str, closing: str) -> bool:
    """Whether a conditional order closes this whole side."""
    return is_whole(words) and words["posSide"] == side and words["side"] == closing


def has_fired(words: Words) -> bool:
    """Whether one of ours that closes a whole side became an order."""
    is_ours = client_ids.read_back("okx", words["algoClOrdId"]) != ""
    return is_ours and is_whole(words) and bool(words["ordId"]) and words["state"] == "effective"


def is_whole(words: Words) -> bool:
    return words["closeFraction"] not in ("", None) and decimal(words["closeFraction"]) == 1


def prices_of(words: Words) -> tuple[Decimal | None, Decimal | None]:
    stop, target = words["slTriggerPx"], words["tpTriggerPx"]
    return (decimal(stop) if stop else None, decimal(target) if target else None)


def told_of(market: Market, words: Words) -> Told:
    reason = words.get("cancelSourceReason") or ""
    return Told(
        native=words["instId"],
        venue_order_id=words["ordId"],
        client_order_id=words["clOrdId"],
        status=STATUSES[words["state"]],
        filled=market.coins(decimal(words["accFillSz"] or 0)),
        reason=reason if words["state"].endswith("canceled") else "",
        side=SIDES[words["side"]],
        stamped_at_ms=int(words.get("cTime") or 0),
        price=if_told(words.get("px")),
        quantity=market.coins(decimal(words.get("sz") or 0)) or None,
    )


def direction_of(words: Words) -> Direction:
    if words["posSide"] == NET:
        return Direction.LONG if decimal(words["pos"]) > 0 else Direction.SHORT
    return Direction(words["posSide"])


def holding_of(market: Market, words: Words) -> Holding:
    liquidation = words.get("liqPx")
    return Holding(
        symbol=market.instrument.symbol,
        direction=direction_of(words),
        quantity=market.coins(abs(decimal(words["pos"]))),
        entry_price=decimal(words["avgPx"]),
        leverage=int(decimal(words["lever"])),
        margin=OUR_MARGINS[words["mgnMode"]],
        unrealised=decimal(words["upl"] or 0),
        liquidation_price=decimal(liquidation) if liquidation else None,
    )


def payment_of(words: Words) -> Payment:
    """Funding of an isolated position is taken from its margin, not from the balance."""
    amount = decimal(words["balChg"] or 0) or decimal(words.get("posBalChg") or 0)
    native = words.get("instId") or ""
    return Payment(
        venue_payment_id=words["billId"],
        kind=PAYMENTS[words["type"]],
        symbol=symbol_of(native) if native else "",
        amount=amount,
        paid_at_ms=int(words["ts"]),
    )
