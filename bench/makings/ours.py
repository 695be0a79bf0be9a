"""The product's own maker on the same recording, and its own experiment.

python -m bench.makings.ours replay RAW.gz ROUNDS
python -m bench.makings.ours paper PATHS ROUNDS
"""

import json
import sys
import time
from decimal import Decimal
from pathlib import Path

from engine.instrument import Instrument
from engine.making.events import TimeCame
from engine.making.maker import Maker
from engine.making.paper import compare
from engine.making.params import read_params
from engine.making.replaying.binance import read_binance
from engine.making.replaying.replay import Replay

ETH = Instrument("ETH/USDT", Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(20))


def replay(path, rounds):
    params = read_params({"quote_interval_seconds": 0.2, "recovery_seconds": 0})
    told = {}
    for name, with_best in (("", False), ("with_best_", True)):
        recording = read_binance(path, ETH, with_best=with_best)
        Replay(recording, params).run()
        taken = []
        for _ in range(rounds):
            begun = time.process_time()
            outcome = Replay(recording, params).run()
            taken.append(time.process_time() - begun)
        told |= {
            f"{name}seconds": min(taken),
            f"{name}rows": len(recording),
            f"{name}looks": outcome.looks,
            f"{name}fills": len(outcome.deals),
        }
    return told | {"decisions": decisions(path)}


def decisions(path):
    """How long each look of a replay takes the maker, in its own time."""
    taken = []

    class Timed(Maker):
        def unneeded_until_ms(self):
            return 0

        def handle(self, event):
            begun = time.thread_time_ns()
            actions = super().handle(event)
            if isinstance(event, TimeCame):
                taken.append(time.thread_time_ns() - begun)
            return actions

    params = read_params({"quote_interval_seconds": 0.2, "recovery_seconds": 0})
    asked = Replay(read_binance(path, ETH), params)
    asked.maker = Timed
    for _ in range(3):
        asked.run()
    taken.sort()
    return [taken[int((len(taken) - 1) * share)] / 1000 for share in (0.5, 0.99)]


def paper(paths, rounds):
    list(compare(paths=paths, seed=1))
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        rows = list(compare(paths=paths, seed=7))
        taken.append(time.process_time() - begun)
    return {"seconds": min(taken), "profits": [row.ours.profit for row in rows]}


def main():
    verb, *words = sys.argv[1:]
    if verb == "replay":
        told = replay(Path(words[0]), int(words[1]))
    else:
        told = paper(int(words[0]), int(words[1]))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
