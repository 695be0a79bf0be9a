"""Pages that need nothing else, say what they are told, and run nothing that they are told."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.backtest import Metrics, Reason, Refusal
from engine.errors import BadParameters
from engine.optimise import FIGURES, Doubt, Objective, optimise, walk_forward
from engine.report import POLICY, html_page, search_page, walk_page
from engine.report.html import STYLE
from engine.report.svg import line, surface_svg
from engine.report.words import LANGUAGES, WORDS
from tests.engine.optimise.studies import some_space, study
from tests.engine.report.test_report import REPORT, hours, reported
from tests.house.source import foreign_hosts

SOURCES = (Path(html_page.__code__.co_filename).parent).glob("*.py")
RETURN = Objective(name="return")
EVIL = "</script><img src=//evil.example onerror=alert(1)>"
STUDY = study(fixed={"signal_ema": 3})
OPTIMISED = optimise(STUDY, some_space(), method="grid", objective=RETURN)
WALK = walk_forward(
    STUDY, some_space(), train_bars=300, test_bars=150, method="grid", objective=RETURN
)
UNSCORED = optimise(
    STUDY, some_space(), method="grid", objective=Objective(name="return", least_trades=9999)
)
ATTACKED = replace(
    REPORT,
    strategy=EVIL,
    params={EVIL: EVIL},
    symbols=[EVIL],
    candles={EVIL: REPORT.candles["BTC/USDT"]},
    trades=REPORT.trades | {"symbol": [EVIL] * len(REPORT.trades["net"])},
)
PAGES = {
    "a report": html_page(REPORT),
    "a report of nothing": html_page(reported(hours(40))),
    "a report under attack": html_page(ATTACKED),
    "an optimisation": search_page(OPTIMISED),
    "an optimisation without a score": search_page(UNSCORED, "zh-hans"),
    "a walk-forward": walk_page(WALK, EVIL),
}


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data + " "


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_loaded_and_nothing_told_is_run(name):
    tags = Tags(PAGES[name]).tags
    assert "evil" in PAGES[name] or foreign_hosts(PAGES[name]) == []
    assert not {"img", "link", "iframe", "object", "form"} & {tag for tag, _ in tags}
    for _, attributes in tags:
        assert not [each for each in attributes if each in ("src", "style") or each[:2] == "on"]
    policies = [told["content"] for tag, told in tags if tag == "meta" and "http-equiv" in told]
    assert policies == [POLICY]
    assert PAGES[name].count("<style>") == 1
    assert f"<style>{STYLE}</style>" in PAGES[name]


def test_what_a_report_tells():
    told = Tags(PAGES["a report"]).text
    assert f"{REPORT.figures['returned']:.2%}" in told
    assert f"{REPORT.figures['sharpe']:.2f}"[:4] in told
    assert "BTC/USDT · 1h · 1970-01-01 00:00 – 1970-02-07 12:00 UTC · 900 bars" in told
    assert f"Last trades: {len(REPORT.trades['net'])} of {len(REPORT.trades['net'])}" in told
    assert "—" in Tags(PAGES["a report of nothing"]).text
    assert not re.search(r"\b(nan|inf|none)\b", told.lower())


def test_what_an_optimisation_tells():
    told = Tags(PAGES["an optimisation"]).text
    best = OPTIMISED.search.best
    assert f"{best.figures['returned']:.2%}" in told
    assert f"{OPTIMISED.out_of_sample['returned']:.2%}" in told
    assert "fast_ema 3, slow_ema 8: " in told or "slow_ema 8, fast_ema 3: " in told
    assert "没有可评分的试验" in Tags(PAGES["an optimisation without a score"]).text
    walked = Tags(PAGES["a walk-forward"]).text
    for window in WALK.windows:
        assert f"{window.out_of_sample['returned']:.2%}" in walked


def test_every_word_is_said_in_every_language():
    names = {*Metrics.__slots__, *Doubt, *(name for name in FIGURES.values())}
    names |= {each.name.lower() for each in (*Reason, *Refusal)}
    assert names <= WORDS.keys()
    assert all(len(said) == len(LANGUAGES) and all(said) for said in WORDS.values())
    assert all(re.search("[一-鿿]", chinese) for _, chinese in WORDS.values())
    source = "".join(path.read_text() for path in SOURCES)
    assert set(re.findall(r'words\("(\w+)"\)', source)) <= WORDS.keys()
    with pytest.raises(BadParameters, match="unknown language"):
        html_page(REPORT, "tlh")


def test_pictures_of_nothing():
    assert line([]) == ""
    assert "<polyline" in line([(1, 2)])
    assert surface_svg(None) == surface_svg(UNSCORED.surface) == ""


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("dark", 390), ("light", 1280)])
def test_in_a_browser(page, tmp_path, scheme, width):
    told = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    for name in PAGES:
        (tmp_path / "page.html").write_text(PAGES[name])
        page.goto((tmp_path / "page.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if "report" in name:
            whole = page.text_content("#readout")
            page.click("#nearer")
            page.wait_for_function("before => readout.textContent !== before", arg=whole)
            page.press("#chart", "0")
            page.wait_for_function("before => readout.textContent === before", arg=whole)
            page.hover("#chart")
            page.wait_for_function("() => readout.textContent.includes(' / ')")
    assert told == []
