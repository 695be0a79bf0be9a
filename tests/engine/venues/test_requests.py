"""Every request of every call, against what is checked in under `requests/`.

WRITE_REQUESTS=1 adds what was sent to those files: take the old text out first, and
read what git shows as changed.
"""

import inspect
import os
from unittest.mock import MagicMock

import pytest

from engine.venues.base import BarSource, Exchange, Venue
from tests.engine.venues.local_venue import EXPECTED, expected
from tests.engine.venues.stages import binance, gate, grvt, hyperliquid, okx

STAGES = [binance.STAGE, okx.STAGE, gate.STAGE, hyperliquid.STAGE, grvt.STAGE]
SCENES = [
    pytest.param(stage, scene, id=f"{stage.name}: {scene.title}")
    for stage in STAGES
    for scene in stage.scenes
]


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize(("stage", "scene"), SCENES)
def test_the_requests_are_the_checked_in_ones(stage, scene, local):
    venue = stage.open(local, **scene.answers)
    scene.do(venue)
    assert local.unexpected == []
    if os.environ.get("WRITE_REQUESTS"):
        with (EXPECTED / f"{stage.name}.txt").open("a") as file:
            file.write(f"== {scene.title}\n{local.shown()}\n\n")
    assert local.shown() == expected(stage.name).get(scene.title)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_nothing_is_checked_in_that_no_scene_plays(stage):
    assert list(expected(stage.name)) == [scene.title for scene in stage.scenes]


# Of what makers need beside, the local exchange hears all but what two dialects are alone in.
QUOTING = {"end_unless_heard"}
# What asks a venue nothing.
SILENT = {"close"}


def verbs():
    """Everything that a whole adapter can be asked."""
    return {
        name
        for protocol in (Exchange, Venue, BarSource)
        for name, value in vars(protocol).items()
        if inspect.isfunction(value) and not name.startswith("_")
    } - SILENT


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_verb_has_a_scene(stage):
    asked = set()

    class Listening:
        def __getattr__(self, verb):
            asked.add(verb)
            return MagicMock()

    for scene in stage.scenes:
        scene.do(Listening())
    # Refused by name before anything is sent.
    not_offered = set() if stage.venue.can_protect else {"protect"}
    assert asked - QUOTING == verbs() - not_offered


def test_the_verbs_are_the_protocol_s():
    assert {"place", "find_by_number", "fired_since", "bars", "check"} <= verbs()
    assert all(hasattr(stage.venue, verb) for stage in STAGES for verb in verbs())
