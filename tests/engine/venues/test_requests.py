"""Every request of every call, against what is checked in under `requests/`.

WRITE_REQUESTS=1 adds what was sent to those files: take the old text out first, and
read what git shows as changed.
"""

import os

import pytest

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
