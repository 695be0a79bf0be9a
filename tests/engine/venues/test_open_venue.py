"""Opening a venue by its name."""

import inspect
import subprocess
import sys

import pytest

from engine.errors import VenueRefused
from engine.venues import DIALECTS, open_venue
from engine.venues.base import Exchange
from engine.venues.client_ids import FORMS
from engine.venues.paper import PaperVenue
from tests.engine.venues.local_venue import Keys
from tests.engine.venues.test_requests import STAGES


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_venue_is_opened_by_its_name(stage, local):
    local.answers = stage.answers
    venue = open_venue(stage.name, stage.keys, base_url=local.address)
    assert isinstance(venue, stage.venue)
    assert venue.instrument(stage.symbol).symbol == stage.symbol


def test_every_dialect_has_a_stage_and_a_form_of_client_ids():
    assert set(DIALECTS) == {stage.name for stage in STAGES} == set(FORMS) - {"paper"}


@pytest.mark.parametrize(
    "venue", [PaperVenue, *(stage.venue for stage in STAGES)], ids=lambda venue: venue.name
)
def test_an_adapter_has_every_method_of_the_protocol(venue):
    wanted = {name for name, _ in inspect.getmembers(Exchange, inspect.isfunction)}
    wanted = {name for name in wanted if not name.startswith("_")}
    assert wanted <= set(dir(venue))
    for name in wanted:
        parameters = inspect.signature(getattr(Exchange, name)).parameters
        assert inspect.signature(getattr(venue, name)).parameters.keys() == parameters.keys()


def test_there_is_no_adapter_for_a_venue_nobody_knows():
    with pytest.raises(VenueRefused, match="no adapter for nowhere"):
        open_venue("nowhere", Keys())


def test_whoever_only_knows_the_protocol_does_not_load_the_library():
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, engine.venues, engine.venues.base, engine.venues.paper\n"
            "print('ccxt' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "False"
