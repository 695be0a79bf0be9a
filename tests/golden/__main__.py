"""The script: see the package."""

import argparse
import json
import sys

from tests.golden.markets import RECORDED, TIMEFRAMES, recording
from tests.golden.results import HERE, file_of, golden, places, result_of


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden")
    parser.add_argument("what", choices=["check", "rewrite"])
    parser.add_argument("--because", help="why figures may be others than before")
    asked = parser.parse_args()
    if asked.what == "rewrite" and not asked.because:
        parser.error("say why: --because")
    changed = []
    for market in TIMEFRAMES:
        if market == RECORDED and recording() is None:
            print("The recorded market is not here; its figures stay as they are.")
            continue
        changed += compared(market, rewrites=asked.what == "rewrite")
    print(*changed or ["Everything as it was."], sep="\n")
    if asked.what == "check":
        return 1 if changed else 0
    if changed:
        with (HERE / "reasons.md").open("a") as reasons:
            reasons.write(f"- {asked.because} ({len(changed)} results)\n")
    return 0


def compared(market: str, *, rewrites: bool) -> list[str]:
    """What is another than it was written down, in words."""
    before, now, changed = golden(market), {}, []
    for timeframe, code in places(market):
        told = result_of(market, timeframe, code)
        now.setdefault(timeframe, {})[code] = told
        was = before.get(timeframe, {}).get(code)
        if told != was:
            changed.append(f"{market} {timeframe} {code}: {was} -> {told}")
    if rewrites:
        file_of(market).write_text(json.dumps(now, indent=1) + "\n")
    return changed


if __name__ == "__main__":
    sys.exit(main())
