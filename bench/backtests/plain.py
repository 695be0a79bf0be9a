"""The cross as a plain Python loop, without the averages: what anybody writes first."""

import talib

from bench.backtests.market import CASH, FAST, FEE, SLOW, STOP, TARGET, contend


def once(prices, stops):
    close = prices["close"]
    fast, slow = talib.EMA(close, FAST).tolist(), talib.EMA(close, SLOW).tolist()
    columns = [prices[name].tolist() for name in ("open", "high", "low", "close")]
    cash, held, entry, curve = CASH, 0, 0.0, []
    wish, was_above = 0, None
    for bar, (open_, high, low, last) in enumerate(zip(*columns, strict=True)):
        if wish and wish != held:
            if held:
                cash += held * (open_ - entry) - open_ * FEE
            held, entry = wish, open_
            cash -= open_ * FEE
        wish = 0
        if held and stops:
            stop, target = entry * (1 - held * STOP), entry * (1 + held * TARGET)
            hurt, helped = (low, high) if held > 0 else (high, low)
            price = 0.0
            if held * (hurt - stop) <= 0:
                price = open_ if held * (open_ - stop) <= 0 else stop
            elif held * (helped - target) >= 0:
                price = open_ if held * (open_ - target) >= 0 else target
            if price:
                cash += held * (price - entry) - price * FEE
                held = 0
        curve.append(cash + held * (last - entry))
        if slow[bar] == slow[bar]:
            is_above = fast[bar] > slow[bar]
            if was_above is not None and is_above != was_above:
                wish = 1 if is_above else -1
            was_above = is_above
    peak = deepest = 0.0
    for worth in curve:
        peak = max(peak, worth)
        deepest = max(deepest, 1 - worth / peak)
    return curve


if __name__ == "__main__":
    contend(once, curve=lambda done: done)
