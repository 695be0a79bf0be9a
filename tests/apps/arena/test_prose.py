"""What a model says is shown with its emphasis, and never becomes markup of its own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.arena.templatetags.arena import is_prose, prose

TAGS = {
    *("p", "em", "strong", "s", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "br"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = re.compile(r' (?:class="language-[^"<>]*"|start="\d+"|style="text-align:\w+")')
NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://evil.example/x.png)",
    "[x](javascript:alert(1))",
    "[x](http://evil.example)",
    "<http://evil.example>",
    "[x]\n\n[x]: javascript:alert(1)",
    '```" onload=alert(1)\nx\n```',
    "# <svg/onload=alert(1)>",
    "|<b>a|b|\n|-|-|\n|<iframe src=//x>|d|",
    "&lt;script&gt; &#60;script&#62;",
    "</div></details><style>*{display:none}</style>",
]


def only_its_own(told):
    for tag in re.findall(r"<([^>]*)>", told):
        name = ATTRIBUTES.sub("", tag).strip("/ ")
        assert name in TAGS, tag


@pytest.mark.parametrize("said", NASTY)
def test_markup_and_addresses_stay_text(said):
    only_its_own(prose(said))


@given(st.text(st.sampled_from("<>&\"'`*_~[]()!#|-:\n\\ /aAjs="), max_size=120))
def test_whatever_is_said_only_its_own_tags_come_of_it(said):
    only_its_own(prose(said))


def test_emphasis_lists_and_tables_are_shown():
    told = prose("It **rises**:\n\n- one\n- two\n\n|a|b|\n|-|-|\n|1|2|")
    for part in ("<strong>rises</strong>", "<li>one</li>", "<td>1</td>"):
        assert part in told


def test_json_and_what_is_very_long_is_shown_as_it_is():
    assert is_prose("I hold.")
    assert not is_prose(' {"decisions": []}')
    assert not is_prose("x" * 20_000)
