"""The bars that strategies decide on at real venues: fetched as they close, by a task of its own.

A feed is a row, and says until when its bars are known, or what stands in the way.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.db import transaction

from apps.venues.market import bar_source, candle_store
from apps.venues.models import Feed
from engine.candle import seconds
from engine.errors import EngineError
from engine.market.fetching import SETTLED_SECONDS, fetch, last_settled

log = logging.getLogger(__name__)

Series = tuple[str, str, str]
# How many feeds one task takes up, and how long another one leaves them to it.
TAKE = 20
LEASE = timedelta(seconds=60)
# What nobody has wanted for so long is not fetched; that it is wanted is written this often.
WANTED_WITHIN = timedelta(days=1)
WRITTEN_EVERY = timedelta(hours=1)
# Seconds to the next try, by how many have failed; at this one somebody is told.
BACK_OFF = (5, 10, 20, 40, 60)
TOLD_AT = 3


def want(wanted: Mapping[Series, int], *, now: datetime) -> None:
    """Have the latest bars of these series kept: so many of each."""
    known = {(row.venue, row.symbol, row.timeframe): row for row in Feed.objects.all()}
    for series, bars in wanted.items():
        row = known.get(series)
        if row and row.bars >= bars and now - row.wanted_at < WRITTEN_EVERY:
            continue
        venue, symbol, timeframe = series
        told = {"bars": max(bars, row.bars if row else 0), "wanted_at": now, "next_at": now}
        Feed.objects.update_or_create(
            venue=venue, symbol=symbol, timeframe=timeframe, defaults=told
        )


def fetch_due(*, now: datetime) -> int:
    """Fetch what has closed since; how many feeds were taken up."""
    feeds = claim(now=now)
    for feed in feeds:
        fetch_one(feed, now=now)
    return len(feeds)


@transaction.atomic
def claim(*, now: datetime) -> list[Feed]:
    rows = Feed.objects.select_for_update(skip_locked=True).order_by("next_at")
    feeds = list(rows.filter(next_at__lte=now, wanted_at__gt=now - WANTED_WITHIN)[:TAKE])
    Feed.objects.filter(pk__in=[feed.pk for feed in feeds]).update(next_at=now + LEASE)
    return feeds


def fetch_one(feed: Feed, *, now: datetime) -> None:
    """Ask its venue once; what stands in the way is told on the feed, and tried again."""
    step = seconds(feed.timeframe)
    until = last_settled(feed.timeframe, now.timestamp())
    since = until - feed.bars * step
    series = (feed.venue, feed.symbol, feed.timeframe)
    try:
        store = candle_store()
        for _ in fetch(store, bar_source(feed.venue), *series, since=since, until=until, pauses=()):
            pass
        missing = sum(gap.bars for gap in store.gaps(*series, since, until))
        problem = f"the venue has not told {missing} bars" if missing else ""
    except (EngineError, OSError) as error:
        problem = str(error)[:300]
    if problem:
        wait = BACK_OFF[min(feed.attempts, len(BACK_OFF) - 1)]
        feed.attempts, feed.next_at = feed.attempts + 1, now + timedelta(seconds=wait)
        if feed.attempts == TOLD_AT:
            log.error("no candles of %s: %s", feed, problem)
    else:
        feed.attempts = 0
        feed.known_until = datetime.fromtimestamp(until, UTC)
        feed.next_at = datetime.fromtimestamp(until + step + SETTLED_SECONDS, UTC)
    feed.problem = problem
    feed.save(update_fields=["attempts", "next_at", "known_until", "problem"])
