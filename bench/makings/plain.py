"""The floor of engine/making/replaying as a plain Python loop, and a plain strategy on it.

    python -m bench.makings.plain RAW.gz

Books are dictionaries, orders are lists: what somebody writes first. It is also what the tests
hold the compiled floor to, row by row.
"""

import json
import sys
import time
from collections import deque
from decimal import Decimal
from math import ceil, exp, floor, log, log1p, sqrt
from pathlib import Path

from engine.instrument import Instrument
from engine.making.replaying.binance import read_binance
from engine.making.replaying.floor import (
    ASK,
    AT,
    BEST_ASK,
    BEST_BID,
    BID,
    BOUGHT,
    BUY,
    BY_SIGHT,
    CANCEL,
    CANCELED,
    CLEAR_BID,
    KIND,
    MADE,
    OPENED,
    PLACE,
    PRICE,
    REFUSED,
    SEEN,
    SELL,
    SIZE,
    SOLD,
    TOOK,
)

LATE = 1 << 62
INTERVAL_NS = 200_000_000


class Book:
    def __init__(self):
        self.sides = ({}, {})
        self.best = [None, None]

    def level(self, side, price, size, *, is_best=False):
        if is_best:
            for other in [p for p in self.sides[side] if better(side, p, price)]:
                del self.sides[side][other]
            if self.best[side] is not None and better(side, self.best[side], price):
                self.best[side] = price
        before = self.best[side]
        if size:
            self.sides[side][price] = size
            if before is None or better(side, price, before):
                self.best[side] = price
                other = 1 - side
                met = self.best[other]
                if met is not None and not better(other, price, met):
                    self.clear(other, price)
        else:
            self.sides[side].pop(price, None)
            if price == before:
                self.find(side)

    def clear(self, side, price):
        for one in [p for p in self.sides[side] if not better(side, price, p)]:
            del self.sides[side][one]
        self.find(side)

    def find(self, side):
        prices = self.sides[side]
        self.best[side] = (max(prices) if side == BUY else min(prices)) if prices else None


def better(side, one, other):
    return one > other if side == BUY else one < other


class PlainFloor:
    def __init__(self, tape, *, entry, response, power):
        self.rows = list(zip(*(tape[n].tolist() for n in (KIND, AT, PRICE, SIZE)), strict=True))
        kinds, seen, prices, sizes = (tape[n].tolist() for n in (KIND, SEEN, PRICE, SIZE))
        self.sight = [(seen[n], kinds[n], prices[n], sizes[n]) for n in tape[BY_SIGHT].tolist()]
        self.entry, self.response, self.power = entry, response, power
        self.true, self.seen = Book(), Book()
        self.done = self.looked = self.now = self.position = 0
        self.orders = []
        self.requests, self.answers = deque(), deque()

    def send(self, kind, number, side, price, size):
        self.requests.append((self.now + self.entry, kind, number, side, price, size))

    def advance(self, until):
        """What is answered first, if that is by then; otherwise None, and it is then."""
        while True:
            heard = self.answers[0][0] if self.answers else LATE
            asked = self.requests[0][0] if self.requests else LATE
            done = self.rows[self.done][1] if self.done < len(self.rows) else LATE
            if heard <= until and heard <= done and heard <= asked:
                self.now = heard
                self.see()
                return self.answers.popleft()
            if done > until and asked > until:
                self.now = until
                self.see()
                return None
            if asked < done:
                self.request(*self.requests.popleft())
            else:
                self.happen(*self.rows[self.done])
                self.done += 1

    def see(self):
        while self.looked < len(self.sight) and self.sight[self.looked][0] <= self.now:
            _, kind, price, size = self.sight[self.looked]
            if kind not in (SOLD, BOUGHT):
                self.write(self.seen, kind, price, size)
            self.looked += 1

    @staticmethod
    def write(book, kind, price, size):
        if kind in (BID, ASK, BEST_BID, BEST_ASK):
            side = BUY if kind in (BID, BEST_BID) else SELL
            book.level(side, price, size, is_best=kind in (BEST_BID, BEST_ASK))
        else:
            book.clear(BUY if kind == CLEAR_BID else SELL, price)

    def happen(self, kind, at, price, size):
        if kind in (SOLD, BOUGHT):
            self.trade(BUY if kind == SOLD else SELL, price, size, at)
            return
        if kind in (BID, ASK, BEST_BID, BEST_ASK):
            side = BUY if kind in (BID, BEST_BID) else SELL
            self.shrink(side, price, self.true.sides[side].get(price, 0), size)
            self.write(self.true, kind, price, size)
            self.reach(1 - side, self.true.best[side], at)
        else:
            self.write(self.true, kind, price, size)

    def trade(self, side, price, size, at):
        rest = size
        for order in [one for one in self.orders if one["side"] == side]:
            if better(side, order["price"], price):
                self.fill(order, order["left"], at)
            elif order["price"] == price:
                order["front"] -= size
                order["traded"] += size
                if order["front"] < 0:
                    part = min(int(-order["front"]), rest, order["left"])
                    order["front"] = 0.0
                    if part > 0:
                        rest -= part
                        self.fill(order, part, at)

    def shrink(self, side, price, before, size):
        for order in self.orders:
            if order["side"] != side or order["price"] != price:
                continue
            front, gone = order["front"], before - size - order["traded"]
            order["traded"] = 0.0
            if self.power > 0 and gone > 0:
                behind = max(before - front, 0.0)
                weight = behind**self.power + max(front, 0.0) ** self.power
                share = behind**self.power / weight if weight > 0 else 0.5
                front = front - (1 - share) * gone + min(behind - share * gone, 0.0)
            order["front"] = max(min(front, float(size)), 0.0)

    def reach(self, side, best, at):
        if best is None:
            return
        for order in [one for one in self.orders if one["side"] == side]:
            if best == order["price"] or better(side, order["price"], best):
                self.fill(order, order["left"], at)

    def fill(self, order, size, at):
        order["left"] -= size
        self.position += size if order["side"] == BUY else -size
        self.answer(at, MADE, order["number"], order["price"], size, order["left"])
        if not order["left"]:
            self.orders.remove(order)

    def request(self, at, kind, number, side, price, size):
        if kind == PLACE:
            self.stand(at, number, side, price, size)
        elif kind == CANCEL:
            for order in [one for one in self.orders if one["number"] == number]:
                self.orders.remove(order)
                self.answer(at, CANCELED, number, 0, 0, order["left"])
        else:
            self.take(at, number, side, size)

    def stand(self, at, number, side, price, size):
        best = self.true.best[1 - side]
        if best is not None and (best <= price if side == BUY else best >= price):
            self.answer(at, REFUSED, number, 1, 0, size)
            return
        front = float(self.true.sides[side].get(price, 0))
        order = {"number": number, "side": side, "price": price, "left": size}
        self.orders.append({**order, "front": front, "traded": 0.0})
        self.answer(at, OPENED, number, price, size, size)

    def take(self, at, number, side, size):
        held = -self.position if side == BUY else self.position
        left = min(size, max(held, 0))
        unfilled = size - left
        levels = self.true.sides[1 - side]
        for price in sorted(levels, reverse=side == SELL):
            taken = min(left, levels[price])
            if taken > 0:
                left -= taken
                self.position += taken if side == BUY else -taken
                self.answer(at, TOOK, number, price, taken, left + unfilled)
        if left + unfilled:
            self.answer(at, CANCELED, number, 0, 0, left + unfilled)

    def answer(self, at, *told):
        self.answers.append((at + self.response, at, *told))


def quote(floor_, start, end):
    """The strategy of by_hftbacktest.py, line for line."""
    gamma, k, a, window = 0.1, 1.5, 0.5, 60.0
    variance, last, returns, number, position, fills, looks = 0.0, 0.0, 0, 0, 0, 0, 0
    standing, due = {}, start
    while due <= end:
        told = floor_.advance(due)
        if told is not None:
            _, _, kind, which, _, size, left = told
            if kind == MADE:
                fills += 1
                position += size if standing[which][0] == BUY else -size
            if kind == OPENED:
                standing[which][2] = True
            elif not left or kind in (REFUSED, CANCELED):
                standing.pop(which, None)
            continue
        due += INTERVAL_NS
        looks += 1
        best_bid, best_ask = floor_.seen.best
        if best_bid is None or best_ask is None or best_bid >= best_ask:
            continue
        mid = (best_bid + best_ask) / 2
        if last:
            returns += 1
            rate = log(mid / last) ** 2 / 0.2
            variance += max(1 - exp(-0.2 / window), 1 / returns) * (rate - variance)
        last = mid
        if returns < 4:
            continue
        sigma, usual = max(sqrt(variance), 1e-8) * 1e4, 0.001 / sqrt(60) * 1e4
        risk = min(max(gamma * (1 + min(3.0, sigma / (3 * usual))), 0.02), 0.8)
        rarer = exp((1 + k / risk) * log1p(risk / k))
        shift = sigma * sqrt(risk / (2 * a * k) * rarer)
        half = min(max(log1p(risk / k) / risk + shift / 2, 0.125), 5.0)
        worth = 100.0 * (max(1 / sqrt(sigma / usual), 0.2) if sigma > usual else 1.0)
        size = max(floor(worth / (mid * 0.01) / 0.001), 8)
        held = position / size
        bid = min(floor(mid * (1 - (half + shift * held) / 1e4)), best_ask - 1)
        ask = max(ceil(mid * (1 + (half - shift * held) / 1e4)), best_bid + 1)
        there = [False, False]
        for which, (side, price, is_open, is_leaving) in list(standing.items()):
            wanted = bid if side == BUY else ask
            if is_open and not is_leaving and abs(price - wanted) / price * 1e4 > 0.1:
                standing[which][3] = True
                floor_.send(CANCEL, which, side, 0, 0)
            elif not is_leaving:
                there[side] = True
        for side, price in ((BUY, bid), (SELL, ask)):
            if not there[side]:
                number += 1
                standing[number] = [side, price, False, False]
                floor_.send(PLACE, number, side, price, size)
    return looks, fills


def main():
    instrument = Instrument(
        "ETH/USDT", Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(20)
    )
    recording = read_binance(Path(sys.argv[1]), instrument, with_best=False)
    floor_ = PlainFloor(recording.tape, entry=10_000_000, response=10_000_000, power=3)
    begun = time.process_time()
    looks, fills = quote(floor_, recording.starts_ns, recording.ends_ns)
    taken = time.process_time() - begun
    print(json.dumps({"seconds": taken, "rows": len(recording), "looks": looks, "fills": fills}))


if __name__ == "__main__":
    main()
