"""Everything said is said in Chinese, too, and the compiled catalogue is the written one."""

import re

import polib
from django.utils import translation

from tests.house.translations import (
    CATALOGUE,
    ROOT,
    Said,
    compiled,
    said,
    said_in_python,
    said_in_template,
    text_of,
    unmarked_in_script,
    unmarked_in_template,
    unreadable_in_python,
)

PLACES = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


def test_nothing_is_said_that_has_no_chinese():
    catalogue = {Said(one.msgid, one.msgid_plural): text_of(one) for one in polib.pofile(CATALOGUE)}
    assert sorted(told for told in said() if not catalogue.get(told)) == []


def test_the_catalogue_holds_nothing_that_nobody_says():
    held = {Said(entry.msgid, entry.msgid_plural) for entry in polib.pofile(CATALOGUE)}
    assert sorted(held - said()) == []


def test_a_translation_keeps_the_places_of_its_values():
    for entry in polib.pofile(CATALOGUE):
        assert sorted(PLACES.findall(text_of(entry))) == sorted(PLACES.findall(entry.msgid))


def test_the_compiled_catalogue_is_the_written_one():
    assert CATALOGUE.with_suffix(".mo").read_bytes() == compiled(polib.pofile(CATALOGUE))


def test_chinese_is_really_spoken():
    with translation.override("zh-hans"):
        assert translation.gettext("profit pool") == "利润池"


def test_what_counts_is_said_of_one_and_of_many_and_in_chinese_of_both():
    one, many = "heard %(count)s second ago", "heard %(count)s seconds ago"
    assert translation.ngettext(one, many, 1) == one
    assert translation.ngettext(one, many, 2) == many
    with translation.override("zh-hans"):
        told = {translation.ngettext(one, many, count) for count in (0, 1, 2)}
    assert len(told) == 1
    assert "heard" not in told.pop()


def test_a_new_string_is_found_wherever_it_stands():
    python = """
from django.utils.translation import gettext_lazy as lazily, ngettext
a = lazily("in python")
b = translation.gettext("by its module")
c = ngettext("%(n)s row", "%(n)s rows", n)
"""
    assert set(said_in_python(python)) == {
        Said("in python"),
        Said("by its module"),
        Said("%(n)s row", "%(n)s rows"),
    }
    template = """
{% translate "in a template" %} {% blocktranslate with a=b %}with {{ a }}{% endblocktranslate %}
{% blocktranslate count n=rows %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}
"""
    assert set(said_in_template(template)) == {
        Said("in a template"),
        Said("with %(a)s"),
        Said("%(n)s row", "%(n)s rows"),
    }


def test_every_marked_string_can_be_found():
    assert list(unreadable_in_python('_(f"{n} rows")\n_("a" + b)\n_("found")')) == [1, 2]
    unreadable = {
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("apps", "ironbull")
        for path in (ROOT / folder).rglob("*.py")
        for line in unreadable_in_python(path.read_text())
    }
    assert unreadable == set()


def test_nothing_is_said_unmarked_in_a_template_or_a_script():
    page = """<h1>Hello there</h1><p title="what it is">{% translate "marked" %} {{ value }}</p>"""
    assert unmarked_in_template(page) == ["what it is", "Hello there"]
    script = (
        """say("Nothing was found"); // Only a remark\n find("form.search input", `Loading`);"""
    )
    assert unmarked_in_script(script) == ["Nothing was found", "Loading"]
    told = {
        path.relative_to(ROOT): found
        for folder, ending, unmarked in (
            ("templates", "html", unmarked_in_template),
            ("static", "js", unmarked_in_script),
        )
        for path in (ROOT / folder).rglob(f"*.{ending}")
        if (found := unmarked(path.read_text()))
    }
    assert told == {}
