"""The paper's experiment as a plain Python loop, a path after the other.

python -m bench.makings.plain_paper PATHS
"""

import json
import random
import sys
import time
from math import exp, log1p, sqrt

SIGMA, A, K, STEP, STEPS = 2.0, 140.0, 1.5, 0.005, 200


def path(gamma, half):
    """One path's profit and what it holds; quoted round the mid where a half spread is told."""
    move, waiting = SIGMA * sqrt(STEP), log1p(gamma / K) / gamma
    mid, cash, held = 100.0, 0.0, 0
    for number in range(STEPS):
        if half is None:
            shift = gamma * SIGMA**2 * (1.0 - number * STEP)
            bid, ask = shift / 2 + waiting + held * shift, shift / 2 + waiting - held * shift
        else:
            bid = ask = half
        if random.random() < A * STEP * exp(-K * bid):
            cash -= mid - bid
            held += 1
        if random.random() < A * STEP * exp(-K * ask):
            cash += mid + ask
            held -= 1
        mid += move if random.random() < 0.5 else -move
    return cash + held * mid, held


def main():
    paths = int(sys.argv[1])
    random.seed(7)
    begun = time.process_time()
    profits = []
    for gamma, half in ((0.1, 0.746), (0.01, 0.6745), (1.0, 1.516)):
        for told in (None, half):
            profits.append(sum(path(gamma, told)[0] for _ in range(paths)) / paths)
    print(json.dumps({"seconds": time.process_time() - begun, "profits": profits}))


if __name__ == "__main__":
    main()
