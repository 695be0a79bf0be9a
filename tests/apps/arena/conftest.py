"""What was remembered by one test is nothing to the next."""

import pytest

from apps.arena import selectors, telling


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    telling.forget_all()
    selectors._known.clear()
    yield
    telling.forget_all()
    selectors._known.clear()


@pytest.fixture(autouse=True)
def exported_to(tmp_path_factory, settings):
    settings.ARENA_EXPORT = tmp_path_factory.mktemp("arena")
    return settings.ARENA_EXPORT
