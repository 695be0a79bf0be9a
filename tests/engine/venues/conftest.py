"""A local venue for each test, and a clock that stands still."""

import pytest

from tests.engine.venues.local_venue import LocalVenue, serve, stop_clocks


@pytest.fixture
def local():
    """What a real venue's adapter talks to."""
    venue = LocalVenue()
    server = serve(venue)
    yield venue
    server.shutdown()
    server.server_close()


@pytest.fixture
def stopped_clock(monkeypatch):
    stop_clocks(monkeypatch)
