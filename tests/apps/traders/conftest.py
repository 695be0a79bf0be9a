"""Journals of the tests' own."""

import pytest


@pytest.fixture(autouse=True)
def journals(settings, tmp_path):
    settings.TRADER_JOURNALS = tmp_path / "traders"
