"""Hyperliquid: perpetuals settled in USDC, one position a symbol, orders signed as messages.

The account is an address; the key belongs to it or, better, to an agent of it
that can trade and not withdraw. There are no error codes: what is said in words
is matched by how the words begin. A market order is a limit order at a bad
price that fills at once or not at all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import ccxt

from engine.errors import VenueRefused
from engine.messages import Fill, Margin, PaymentKind, PositionMode, Style, number
from engine.money import ZERO, round_to_tick
from engine.order import OrderStatus
from engine.signal import Direction, Side
from engine.venues import client_ids
from engine.venues.answers import Answered, Outcome, Table, gone_is_as_good, rows
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

SETTLED_IN = "USDC"
PAGE, FUNDING_PAGE = 2000, 500
# Prices have at most five significant digits, and at most six decimals less those of the size.
DIGITS, DECIMALS = 5, 6
# The venue's rule for every perpetual; its market data does not repeat it.
MIN_NOTIONAL = Decimal(10)
# How far from the middle a market order may fill, and how far from its trigger a stop may.
SLIPPAGE = Decimal("0.05")
STOP_SLIPPAGE = Decimal("0.10")
# Our clock may be a little ahead of the venue's.
CLOCK_MARGIN_MS = 60_000

TIME_IN_FORCE = {Style.PLAIN: "Gtc", Style.IOC: "Ioc", Style.POST_ONLY: "Alo"}
MARGINS = {"isolated": Margin.ISOLATED, "cross": Margin.CROSS}
SIDES = {"B": Side.BUY, "A": Side.SELL}
KINDS = {"sl": "Stop Market", "tp": "Take Profit Market"}
UNIFIED = {"unifiedAccount", "portfolioMargin"}

STATUSES = {
    "open": OrderStatus.OPEN,
    "triggered": OrderStatus.OPEN,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "marginCanceled": OrderStatus.CANCELED,
    "vaultWithdrawalCanceled": OrderStatus.CANCELED,
    "openInterestCapCanceled": OrderStatus.CANCELED,
    "selfTradeCanceled": OrderStatus.CANCELED,
    "reduceOnlyCanceled": OrderStatus.CANCELED,
    "siblingFilledCanceled": OrderStatus.CANCELED,
    "delistedCanceled": OrderStatus.CANCELED,
    "liquidatedCanceled": OrderStatus.CANCELED,
    "scheduledCancel": OrderStatus.CANCELED,
    "rejected": OrderStatus.REJECTED,
    "tickRejected": OrderStatus.REJECTED,
    "minTradeNtlRejected": OrderStatus.REJECTED,
    "perpMarginRejected": OrderStatus.REJECTED,
    "perpMaxPositionRejected": OrderStatus.REJECTED,
    "reduceOnlyRejected": OrderStatus.REJECTED,
    "badAloPxRejected": OrderStatus.REJECTED,
    "iocCancelRejected": OrderStatus.REJECTED,
    "badTriggerPxRejected": OrderStatus.REJECTED,
    "marketOrderNoLiquidityRejected": OrderStatus.REJECTED,
    "positionIncreaseAtOpenInterestCapRejected": OrderStatus.REJECTED,
    "positionFlipAtOpenInterestCapRejected": OrderStatus.REJECTED,
    "tooAggressiveAtOpenInterestCapRejected": OrderStatus.REJECTED,
    "openInterestIncreaseRejected": OrderStatus.REJECTED,
    "oracleRejected": OrderStatus.REJECTED,
}

TIMEFRAMES = {name: name for name in ("1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d")}

ANSWERS: Table = {
    **rows(Outcome.BUSY, "Too many cumulative requests sent", "http 429"),
    **rows(Outcome.ABSENT, "unknownOid", "Order was never placed, already canceled, or filled"),
    **rows(Outcome.REJECTED, "User or API Wallet", "Must deposit before performing actions"),
    **rows(Outcome.REJECTED, "Price must be divisible by tick size"),
    **rows(Outcome.REJECTED, "Order must have minimum value of $10"),
    **rows(Outcome.REJECTED, "Insufficient margin to place order"),
    **rows(Outcome.REJECTED, "Reduce only order would increase position"),
    **rows(Outcome.REJECTED, "Post only order would have immediately matched"),
    **rows(Outcome.REJECTED, "Order could not immediately match against any resting orders"),
    **rows(Outcome.REJECTED, "Invalid TP/SL price", "No liquidity available for market order"),
    **rows(Outcome.REJECTED, "Order has invalid size", "Order has zero size"),
    **rows(Outcome.REJECTED, "Order has invalid price"),
    **rows(Outcome.REJECTED, "Cannot set scheduled cancel time until enough volume traded"),
    **rows(Outcome.REJECTED, "Order price cannot be more than 80% away from the reference price"),
    # The body was not understood as a request at all.
    **rows(Outcome.REJECTED, "http 422"),
    # Named although anything unnamed is the same.
    **rows(Outcome.UNKNOWN, "Invalid nonce", "http 500", "http 502", "http 503", "http 504"),
}


class Hyperliquid(CcxtVenue):
    name = "hyperliquid"
    library = ccxt.hyperliquid
    answers = ANSWERS
    timeframes = TIMEFRAMES
    has_hedged_mode = False
    way = Way(options={"fetchMarkets": {"types": ["swap"]}})
    # 1200 weights a minute for all that an address asks; long lists cost twenty.
    usual_weight = 2.0
    limits = Limits(
        units=20,
        is_by_address=True,
        window_seconds=60,
        orders=10,
        costs={
            Request.LOOK_UP: 2,
            Request.OPEN_ORDERS: 20,
            Request.ACCOUNT: 4,
            Request.DEPTH: 2,
            Request.FILLS: 20,
        },
    )

    def __init__(self, credentials: Credentials, *, base_url: str | None = None) -> None:
        super().__init__(credentials, base_url=base_url)
        self.address = credentials.api_key.lower()

    def keys(self, credentials: Credentials) -> Params:
        return {"walletAddress": credentials.api_key, "privateKey": credentials.api_secret}

    def code_of(self, status: int, response: Any) -> tuple[str, str] | None:
        """The words of a refusal, cut to how they begin where that is known."""
        if not isinstance(response, Mapping):
            return None
        words = refusal_in(response)
        if words is None:
            return None
        begins = (known for known in ANSWERS if words.startswith(known))
        return next(begins, words), words

    # Market data.

    def ask_markets(self, symbol: str) -> Mapping[str, Words]:
        meta, contexts = self._info("metaAndAssetCtxs")
        told = zip(meta["universe"], contexts, strict=True)
        return {
            symbol_of(words["name"]): {**words, "index": index, "mark": context["markPx"]}
            for index, (words, context) in enumerate(told)
            if not words.get("isDelisted")
        }

    def market_of(self, symbol: str, words: Words) -> Market:
        step = Decimal(1).scaleb(-int(words["szDecimals"]))
        told = {
            "tick": tick_at(decimal(words["mark"]), int(words["szDecimals"])),
            "step": step,
            "min_quantity": step,
            "min_notional": MIN_NOTIONAL,
        }
        return Market(described(symbol, told), words["name"], Decimal(1), SETTLED_IN, words)

    def ask_price(self, market: Market) -> Decimal:
        return decimal(self._info("allMids")[market.native])

    def ask_interest(self, market: Market) -> Interest:
        _meta, contexts = self._info("metaAndAssetCtxs")
        words = contexts[market.facts["index"]]
        return Interest(decimal(words["openInterest"]), decimal(words["funding"]))

    def ask_depth(self, market: Market) -> Depth:
        told = self._info("l2Book", coin=market.native)
        bids, asks = ([(row["px"], row["sz"]) for row in rows[:10]] for rows in told["levels"])
        return Depth(levels_of(market, bids), levels_of(market, asks), int(told.get("time") or 0))

    def send_dead_man(self, market: Market, seconds: int) -> bool:
        """Of the whole account, stops too; the venue keeps it for those who have traded enough."""
        at = {"time": now_ms() + 1000 * seconds} if seconds else {}
        try:
            self._act({"type": "scheduleCancel"} | at)
        except Answered as error:
            if error.outcome is not Outcome.REJECTED:
                raise
            return False
        return True

    def ask_bars(
        self, market: Market, timeframe: str, since_ms: int, until_ms: int
    ) -> Iterator[Bar]:
        """The venue remembers the last five thousand of each timeframe."""
        span = {"startTime": since_ms, "endTime": until_ms - 1}
        asked = {"coin": market.native, "interval": timeframe} | span
        for words in self._info("candleSnapshot", req=asked):
            yield bar_of(*(words[name] for name in "tohlcv"))

    # The account's modes.

    def ask_hedged(self) -> bool:
        return False

    def switch_mode(self, mode: PositionMode) -> None:
        raise VenueRefused("hyperliquid has one position a symbol")

    def prepare(self, placing: Placing) -> None:
        ticket, market = placing.ticket, placing.market
        now = self._info("activeAssetData", user=self.address, coin=market.native)["leverage"]
        is_as_asked = MARGINS[now["type"]] is ticket.margin and now["value"] == ticket.leverage
        if not is_as_asked:
            is_cross = ticket.margin is Margin.CROSS
            asked = {"asset": index_of(market), "isCross": is_cross, "leverage": ticket.leverage}
            self._act({"type": "updateLeverage"} | asked)

    # Orders.

    def worst_price(self, market: Market, side: Side) -> Decimal | None:
        return away_from(market, self.ask_price(market), side, SLIPPAGE)

    def send(self, placing: Placing) -> Told:
        action = {"type": "order", "orders": [order_words(placing)], "grouping": "na"}
        (words,) = self._act(
            action, not_after_ms=placing.ticket.not_after_ms, seconds=placing.seconds_left
        )["data"]["statuses"]
        found: Words = words.get("filled") or words["resting"]
        filled = decimal(found.get("totalSz", 0))
        return Told(
            native=placing.market.native,
            venue_order_id=str(found["oid"]),
            client_order_id=placing.client_order_id,
            status=OrderStatus.FILLED if filled == placing.quantity else OrderStatus.OPEN,
            filled=filled,
            placed_at_ms=now_ms() - CLOCK_MARGIN_MS,
            side=placing.ticket.side,
        )

    def look_up(self, market: Market, client_order_id: str) -> Told:
        words = self._info("orderStatus", user=self.address, oid=client_order_id)["order"]
        return told_of(words["order"], words["status"])

    def look_up_number(self, market: Market, venue_order_id: str) -> Told:
        words = self._info("orderStatus", user=self.address, oid=int(venue_order_id))["order"]
        told = told_of(words["order"], words["status"])
        if not words["order"]["isPositionTpsl"]:
            return told
        # What closes a whole position has no size of its own.
        fills = self.fills_of(market, told)
        return replace(told, filled=sum((Decimal(fill.quantity) for fill in fills), ZERO))

    def send_cancel(self, market: Market, client_order_id: str) -> None:
        named = {"asset": index_of(market), "cloid": client_order_id}
        self._act({"type": "cancelByCloid", "cancels": [named]})

    def fills_of(self, market: Market, told: Told) -> list[Fill]:
        fills = self._fills(told.placed_at_ms)
        return [fill_of(words) for words in fills if str(words["oid"]) == told.venue_order_id]

    def ask_open_orders(self, market: Market | None) -> Iterator[tuple[Market, Told]]:
        for words in self._info("frontendOpenOrders", user=self.address):
            is_meant = market is None or words["coin"] == market.native
            if is_meant and not words["isTrigger"] and is_perpetual(words["coin"]):
                where = market or self.market(symbol_of(words["coin"]))
                yield where, told_of(words, "open")

    def ask_fills(self, market: Market, since_ms: int) -> Iterator[OwnedFill]:
        for words in self._fills(since_ms):
            if words["coin"] == market.native:
                yield OwnedFill(
                    symbol=market.instrument.symbol,
                    client_order_id=client_ids.read_back(self.name, words.get("cloid") or ""),
                    venue_order_id=str(words["oid"]),
                    side=SIDES[words["side"]],
                    fill=fill_of(words),
                )

    def ask_fired(self, market: Market, since_ms: int) -> Iterator[str]:
        """A stop or target keeps its number when it fires."""
        for words in self._info("historicalOrders", user=self.address):
            order = words["order"]
            is_meant = order["coin"] == market.native and order["isPositionTpsl"]
            if is_meant and words["status"] in ("triggered", "filled"):
                yield str(order["oid"])

    def send_protection(
        self, market: Market, direction: Direction, stop: Decimal | None, target: Decimal | None
    ) -> None:
        """Orders that follow the position's size; the new ones come before the old ones go."""
        side = Side.SELL if direction is Direction.LONG else Side.BUY
        standing = [
            words
            for words in self._info("frontendOpenOrders", user=self.address)
            if words["coin"] == market.native and words["isPositionTpsl"]
        ]
        new, old = [], []
        for kind, price in (("sl", stop), ("tp", target)):
            of_kind = [
                words
                for words in standing
                if words["orderType"] == KINDS[kind] and SIDES[words["side"]] is side
            ]
            if price is None or [decimal(words["triggerPx"]) for words in of_kind] != [price]:
                old += [{"a": index_of(market), "o": words["oid"]} for words in of_kind]
                new += [] if price is None else [protection_words(market, side, kind, price)]
        if new:
            self._act({"type": "order", "orders": new, "grouping": "positionTpsl"})
        if old:
            with gone_is_as_good():
                self._act({"type": "cancel", "cancels": old})

    # Books.

    def ask_balance(self) -> Balance:
        state = self._info("clearinghouseState", user=self.address)
        positions = [row["position"] for row in state["assetPositions"]]
        unrealised = sum((decimal(words["unrealizedPnl"]) for words in positions), ZERO)
        if str(self._info("userAbstraction", user=self.address)).strip('"') in UNIFIED:
            # The money of a unified account is all on its spot side.
            coins = self._info("spotClearinghouseState", user=self.address)["balances"]
            words = next((row for row in coins if row["coin"] == SETTLED_IN), None)
            total = decimal(words["total"]) if words else ZERO
            return Balance(total, total - decimal(words["hold"] if words else 0), unrealised)
        summary = state["marginSummary"]
        value, used = decimal(summary["accountValue"]), decimal(summary["totalMarginUsed"])
        return Balance(value - unrealised, value - used, unrealised)

    def ask_holdings(self) -> Iterator[Holding]:
        for row in self._info("clearinghouseState", user=self.address)["assetPositions"]:
            words = row["position"]
            if decimal(words["szi"]):
                yield holding_of(symbol_of(words["coin"]), words)

    def ask_payments(self, since_ms: int) -> Iterator[Payment]:
        for words in self._pages("userFunding", since_ms, FUNDING_PAGE):
            delta = words["delta"]
            yield Payment(
                venue_payment_id=f"{words['time']}-{delta['coin']}",
                kind=PaymentKind.FUNDING,
                symbol=symbol_of(delta["coin"]),
                amount=decimal(delta["usdc"]),
                paid_at_ms=int(words["time"]),
            )
        for words in self._pages("userNonFundingLedgerUpdates", since_ms, FUNDING_PAGE):
            yield from self._moved(words)

    def ask_rights(self) -> tuple[bool | None, bool | None]:
        """The account's own key can do everything; an agent's can trade and not withdraw."""
        signer = self.through(
            lambda client: client.eth_get_address_from_private_key(client.privateKey)
        )
        if signer.lower() == self.address:
            return True, True
        told = self._info("userRole", user=signer.lower())
        is_ours = told["role"] == "agent" and told["data"]["user"].lower() == self.address
        return is_ours, False

    def ask_clock(self) -> int:
        return int(self._info("exchangeStatus")["time"])

    # Inside.

    def _info(self, kind: str, **asked: Any) -> Any:
        return self.call("publicPostInfo", {"type": kind, **asked})

    def _act(self, action: Params, *, not_after_ms: int | None = None, seconds: float = 10) -> Any:
        """Sign an action and send it; with a time after which the venue does not take it."""

        def signed(client: Any) -> Any:
            nonce = client.incrementing_nonce()
            signature = client.sign_l1_action(action, nonce, None, not_after_ms)
            until = {} if not_after_ms is None else {"expiresAfter": not_after_ms}
            sent = {"action": action, "nonce": nonce, "signature": signature} | until
            return client.privatePostExchange(sent)["response"]

        return self.through(signed, seconds=seconds)

    def _fills(self, since_ms: int) -> Iterator[Words]:
        return self._pages("userFillsByTime", since_ms, PAGE)

    def _pages(self, kind: str, since_ms: int, size: int) -> Iterator[Words]:
        """Oldest first; the last one's time asks for what is newer, and may tell it twice."""
        page = self._info(kind, user=self.address, startTime=since_ms)
        yield from page
        while len(page) >= size:
            last = max(int(words["time"]) for words in page)
            since_ms = last if last > since_ms else since_ms + 1
            page = self._info(kind, user=self.address, startTime=since_ms)
            yield from page

    def _moved(self, words: Words) -> Iterator[Payment]:
        """Money that came, went, or changed its place; what is of other coins is left out."""
        delta = words["delta"]
        kind, amount = moved(delta, self.address)
        if kind is not None:
            yield Payment(
                venue_payment_id=f"{words['hash']}-{delta['type']}",
                kind=kind,
                symbol="",
                amount=amount,
                paid_at_ms=int(words["time"]),
            )


def symbol_of(coin: str) -> str:
    return f"{coin.upper()}/{SETTLED_IN}"


def is_perpetual(coin: str) -> bool:
    """Spot pairs are written with a mark or a divider, markets of other builders with a prefix."""
    return not any(mark in coin for mark in "@/:")


def index_of(market: Market) -> int:
    return int(market.facts["index"])


def refusal_in(response: Words) -> str | None:
    """The words of a refusal, from wherever they stand."""
    if response.get("status") == "err":
        return str(response["response"])
    if response.get("status") == "unknownOid":
        return "unknownOid"
    inner = response.get("response")
    data = inner.get("data") if isinstance(inner, Mapping) else None
    statuses = data.get("statuses") if isinstance(data, Mapping) else None
    for words in statuses if isinstance(statuses, list) else []:
        if isinstance(words, Mapping) and "error" in words:
            return str(words["error"])
    return None


def tick_at(price: Decimal, size_decimals: int) -> Decimal:
    """The finest step of prices near this one; whole numbers are always taken."""
    by_digits = price.adjusted() - DIGITS + 1
    return Decimal(1).scaleb(min(0, max(by_digits, size_decimals - DECIMALS)))


def away_from(market: Market, price: Decimal, side: Side, share: Decimal) -> Decimal:
    """A price worse than this one by a share of it, as the venue takes it."""
    worse = price * (1 + share if side is Side.BUY else 1 - share)
    return round_to_tick(worse, tick_at(worse, int(market.facts["szDecimals"])))


def order_words(placing: Placing) -> Params:
    """The order of the words is part of what is signed."""
    ticket = placing.ticket
    price = placing.worst_price if placing.price is None else placing.price
    style = Style.IOC if placing.price is None else ticket.style
    return {
        "a": index_of(placing.market),
        "b": ticket.side is Side.BUY,
        "p": number(price or ZERO),
        "s": number(placing.quantity),
        "r": not placing.is_opening,
        "t": {"limit": {"tif": TIME_IN_FORCE[style]}},
        "c": placing.client_order_id,
    }


def protection_words(market: Market, side: Side, kind: str, price: Decimal) -> Params:
    return {
        "a": index_of(market),
        "b": side is Side.BUY,
        "p": number(away_from(market, price, side, STOP_SLIPPAGE)),
        # Nothing says the whole position.
        "s": "0",
        "r": True,
        "t": {"trigger": {"isMarket": True, "triggerPx": number(price), "tpsl": kind}},
    }


def told_of(words: Words, status: str) -> Told:
    """`sz` is what is left of it."""
    return Told(
        native=words["coin"],
        venue_order_id=str(words["oid"]),
        client_order_id=words.get("cloid") or "",
        status=STATUSES[status],
        filled=decimal(words["origSz"]) - decimal(words["sz"]),
        reason="" if status in ("open", "filled") else status,
        placed_at_ms=int(words["timestamp"]),
        stamped_at_ms=int(words["timestamp"]),
        side=SIDES[words["side"]],
        price=if_told(words.get("limitPx")),
        quantity=decimal(words["origSz"]),
    )


def fill_of(words: Words) -> Fill:
    return Fill(
        venue_fill_id=str(words["tid"]),
        quantity=number(decimal(words["sz"])),
        price=number(decimal(words["px"])),
        fee=number(decimal(words["fee"])),
        filled_at_ms=int(words["time"]),
    )


def holding_of(symbol: str, words: Words) -> Holding:
    size, liquidation = decimal(words["szi"]), words.get("liquidationPx")
    return Holding(
        symbol=symbol,
        direction=Direction.LONG if size > 0 else Direction.SHORT,
        quantity=abs(size),
        entry_price=decimal(words["entryPx"]),
        leverage=int(words["leverage"]["value"]),
        margin=MARGINS[words["leverage"]["type"]],
        unrealised=decimal(words["unrealizedPnl"]),
        liquidation_price=decimal(liquidation) if liquidation else None,
    )


def moved(delta: Words, address: str) -> tuple[PaymentKind | None, Decimal]:
    """What a line of the ledger did to the money for perpetuals; None where nothing."""
    if "usdc" not in delta:
        return None, ZERO
    amount, fee = decimal(delta["usdc"]), decimal(delta.get("fee") or 0)
    match delta["type"]:
        case "deposit":
            return PaymentKind.DEPOSIT, amount
        case "withdraw":
            return PaymentKind.WITHDRAWAL, -amount - fee
        case "accountClassTransfer":
            return PaymentKind.TRANSFER, amount if delta["toPerp"] else -amount
        case "internalTransfer" | "subAccountTransfer":
            is_here = delta["destination"].lower() == address
            return PaymentKind.TRANSFER, amount if is_here else -amount - fee
        case _:
            return None, ZERO
