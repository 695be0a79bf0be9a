"""Everything said is said in Chinese, too, and the compiled catalogue is the written one."""

import re

import polib
from django.utils import translation

from tests.house.translations import CATALOGUE, compiled, said

PLACES = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


def test_nothing_is_said_that_has_no_chinese():
    catalogue = {entry.msgid: entry.msgstr for entry in polib.pofile(CATALOGUE)}
    assert sorted(text for text in said() if not catalogue.get(text)) == []


def test_the_catalogue_holds_nothing_that_nobody_says():
    assert sorted({entry.msgid for entry in polib.pofile(CATALOGUE)} - said()) == []


def test_a_translation_keeps_the_places_of_its_values():
    for entry in polib.pofile(CATALOGUE):
        assert sorted(PLACES.findall(entry.msgstr)) == sorted(PLACES.findall(entry.msgid))


def test_the_compiled_catalogue_is_the_written_one():
    assert CATALOGUE.with_suffix(".mo").read_bytes() == compiled(polib.pofile(CATALOGUE))


def test_chinese_is_really_spoken():
    with translation.override("zh-hans"):
        assert translation.gettext("profit pool") == "利润池"
