"""Exchanges in which nothing moves unless the test moves it."""

from decimal import Decimal

from engine.messages import Style
from engine.paper.account import IdRule
from engine.paper.exchange import Exchange
from engine.paper.generated import SYMBOLS
from engine.paper.orders import Ask, TriggerAsk
from engine.signal import Side

START_MS = 1_700_000_000_000
BTC, ETH = "BTC/USDT", "ETH/USDT"
INSTRUMENTS = {symbol: SYMBOLS[symbol].instrument for symbol in (BTC, ETH)}


def exact(value):
    return Decimal(str(value))


def floor(**options):
    """An exchange where a coin of BTC is at 60,000 and one of ETH at 3,000."""
    exchange = Exchange(INSTRUMENTS, **options)
    if not exchange.now_ms:
        move(exchange, btc=60_000, eth=3_000)
    return exchange


def move(exchange, *, btc=None, eth=None, seconds=1):
    prices = {symbol: exact(price) for symbol, price in ((BTC, btc), (ETH, eth)) if price}
    exchange.tick((exchange.now_ms or START_MS) + int(seconds * 1000), prices)


def opened(exchange, name="alice", cash=10_000, ids=IdRule.OPEN, **options):
    return exchange.open_account(name, cash=exact(cash), ids=ids, **options)


def ask(side, quantity, price=None, *, symbol=BTC, style=Style.PLAIN, **changes):
    return Ask(
        symbol=symbol,
        side=Side(side),
        quantity=exact(quantity),
        price=None if price is None else exact(price),
        style=style,
        **changes,
    )


def stop(side, level, *, rises, quantity=0, whole=True, symbol=BTC, group="", **changes):
    order = ask(side, quantity, symbol=symbol, **changes)
    return TriggerAsk(order, exact(level), rises=rises, whole=whole, group=group)
