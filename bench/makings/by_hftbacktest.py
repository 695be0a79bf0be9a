"""The same recording and a comparable strategy in hftbacktest: its strategy is machine code, too.

    python by_hftbacktest.py RAW.gz ROUNDS

The closed form with volatility by an exponential average, one order a side, replaced when its
price is a tenth of a basis point off; the same latency, queue and fees, a look every 200 ms.
"""

import json
import sys
import tempfile
import time

import numpy as np
from hftbacktest import BUY_EVENT, GTX, LIMIT, SELL_EVENT, BacktestAsset, HashMapMarketDepthBacktest
from hftbacktest.data.utils import binancefutures
from numba import njit
from numba.core import types
from numba.typed import Dict

INTERVAL_NS = 200_000_000
TICK, STEP = 0.01, 0.001


@njit
def quote(hbt, out):
    gamma, k, a, window = 0.1, 1.5, 0.5, 60.0
    variance, last, returns = 0.0, 0.0, 0
    bids, looks = Dict.empty(types.uint64, types.float64), 0
    while hbt.elapse(INTERVAL_NS) == 0:
        hbt.clear_inactive_orders(0)
        looks += 1
        depth = hbt.depth(0)
        best_bid, best_ask = depth.best_bid_tick, depth.best_ask_tick
        if best_bid >= best_ask or best_bid <= 0:
            continue
        mid = (best_bid + best_ask) / 2
        if last > 0:
            returns += 1
            rate = np.log(mid / last) ** 2 / 0.2
            share = max(1 - np.exp(-0.2 / window), 1 / returns)
            variance += share * (rate - variance)
        last = mid
        if returns < 4:
            continue
        sigma = max(np.sqrt(variance), 1e-8) * 1e4
        usual = 0.001 / np.sqrt(60.0) * 1e4
        risk = min(max(gamma * (1 + min(3.0, sigma / (3 * usual))), 0.02), 0.8)
        rarer = np.exp((1 + k / risk) * np.log1p(risk / k))
        shift = sigma * np.sqrt(risk / (2 * a * k) * rarer)
        half = min(max(np.log1p(risk / k) / risk + shift / 2, 0.125), 5.0)
        worth = 100.0 * (max(1 / np.sqrt(sigma / usual), 0.2) if sigma > usual else 1.0)
        size = max(np.floor(worth / (mid * TICK) / STEP) * STEP, 0.008)
        held = hbt.position(0) / size
        bid = min(np.floor(mid * (1 - (half + shift * held) / 1e4)), best_ask - 1)
        ask = max(np.ceil(mid * (1 + (half - shift * held) / 1e4)), best_bid + 1)
        orders = hbt.orders(0)
        has_bid, has_ask = False, False
        bids.clear()
        values = orders.values()
        while values.has_next():
            order = values.get()
            wanted = bid if order.side == 1 else ask
            if order.cancellable:
                if abs(order.price_tick - wanted) / order.price_tick * 1e4 > 0.1:
                    bids[order.order_id] = 1.0
                elif order.side == 1:
                    has_bid = True
                else:
                    has_ask = True
        for number in bids:
            hbt.cancel(0, number, False)
        if not has_bid:
            hbt.submit_buy_order(0, 2 * looks, bid * TICK, size, GTX, LIMIT, False)
        if not has_ask:
            hbt.submit_sell_order(0, 2 * looks + 1, ask * TICK, size, GTX, LIMIT, False)
    out[0] = looks
    values = hbt.state_values(0)
    out[1], out[2] = values.num_trades, values.position


def backtest(data):
    asset = (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(10_000_000, 10_000_000)
        .power_prob_queue_model(3.0)
        .partial_fill_exchange()
        .trading_value_fee_model(0.0002, 0.0005)
        .tick_size(TICK)
        .lot_size(STEP)
    )
    return HashMapMarketDepthBacktest([asset])


def main() -> None:
    raw, rounds = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as made:
        path = f"{made}/data.npz"
        binancefutures.convert(raw, path, base_latency=1_000_000)
        data = np.load(path)["data"]
    told = np.zeros(3)
    taken = []
    for _ in range(rounds + 1):
        hbt = backtest(data)
        begun = time.process_time()
        quote(hbt, told)
        taken.append(time.process_time() - begun)
        hbt.close()
    both = (data["ev"] & (BUY_EVENT | SELL_EVENT)) != 0
    rows = int(both.sum())
    told = {"rows": len(data), "priced": rows, "looks": int(told[0]), "fills": int(told[1])}
    # The first is compiled on the way.
    print(json.dumps({"seconds": min(taken[1:]), **told}))


if __name__ == "__main__":
    main()
