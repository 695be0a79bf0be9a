"""Takes the pictures of the README from a running demo, with Debian's chromium.

IRONBULL_PASSWORD=… python docs/take_pictures.py http://127.0.0.1:8000

It leaves a few things behind in that demo: an account with a maker that is stopped again, two
limits of a tenant, and a backtest.
"""

import os
import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
SIZE = {"width": 1280, "height": 800}
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
# The demo works while its pictures are taken, and the host may be small.
PATIENCE_MS = 120_000


def main() -> None:
    address = sys.argv[1].rstrip("/")
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = logged_in(browser.new_context(viewport=SIZE), address)
        admin = f"{address}/admin"
        take(page, "dashboard")
        for name, where in (
            ("signals", "signals/signal/?status__exact=planned"),
            ("rewards", "rewards/reward/"),
            ("money", "money/?days=7"),
            ("refusals", "refusals/"),
        ):
            page.goto(f"{admin}/{where}")
            take(page, name)
        page.goto(f"{admin}/rewards/pool/")
        page.locator("#result_list a", has_text="Split").first.click()
        take(page, "pool")
        page.goto(f"{admin}/rewards/reward/")
        page.locator("#result_list a", has_text="Trace").first.click()
        take(page, "trace")
        page.goto(f"{admin}/members/member/?q=carol")
        page.get_by_role("link", name="Overview").first.click()
        take(page, "member")
        take_limits(page, admin)
        take_palette(page, admin)
        take_sizes(page, admin)
        take_backtest(page, admin)
        # It is long, and so looked at from further away.
        far = browser.new_context(viewport={"width": 1500, "height": 900}, device_scale_factor=0.8)
        take_maker(logged_in(far, address), admin)

        page.goto(f"{address}/arena/")
        page.locator("#chart path.curve").first.wait_for()
        take(page, "arena")

        dark = browser.new_context(viewport=SIZE, color_scheme="dark", locale="zh-CN")
        take(logged_in(dark, address), "dashboard-zh-dark")
        browser.close()


def take_limits(page: Page, admin: str) -> None:
    page.goto(f"{admin}/risk/")
    page.get_by_role("link", name="Acme").first.click()
    for rule, figures in (("leverage", {"most": "25"}), ("losing_streak", {"most": "4"})):
        page.locator(f"a[href$='/{rule}/']").click()
        page.locator("form.run-form [name=is_on]").check()
        for name, value in figures.items():
            page.fill(f"[name={name}]", value)
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name="All rules").click()
    take(page, "risk")


def take_palette(page: Page, admin: str) -> None:
    page.goto(f"{admin}/")
    page.keyboard.press("Control+k")
    page.locator("#search-input-command").press_sequentially("carol")
    page.locator("#command-results a").first.wait_for()
    take(page, "palette")


def take_sizes(page: Page, admin: str) -> None:
    """A strategy's subscription, as it is typed."""
    page.goto(f"{admin}/strategies/subscription/")
    page.locator("#result_list tbody th a").first.click()
    page.fill("[name=capital]", "25000")
    page.fill("[name=leverage]", "10")
    page.locator("#sizes td", has_text="BTC/USDT").first.wait_for()
    take(page, "sizes")


def take_backtest(page: Page, admin: str) -> None:
    page.goto(f"{admin}/runs/new/?rule=ema_cross")
    page.get_by_role("button", name="Start").click()
    page.frame_locator("iframe.run-report").locator("h1").wait_for()
    take(page, "backtest")


def take_maker(page: Page, admin: str) -> None:
    """Made for the picture, on an account of its own, and stopped afterwards."""
    page.goto(f"{admin}/venues/venueaccount/add/")
    page.locator("[name=member] + .select2").click()
    page.locator(".select2-search__field").fill("heidi")
    page.locator(".select2-results__option", has_text="heidi").click()
    page.select_option("[name=venue]", "paper")
    page.fill("[name=label]", f"maker-{time.time():.0f}")
    page.select_option("[name=node]", index=1)
    page.select_option("[name=margin]", "cross")
    page.select_option("[name=position_mode]", "one_way")
    page.locator("[name=_save]").first.click()
    page.wait_for_url("**/venueaccount/")
    page.goto(f"{admin}/makers/new/")
    account = page.locator("[name=which-account] option", has_text="maker").last
    page.select_option("[name=which-account]", account.get_attribute("value"))
    page.get_by_role("button", name="Show what it comes to").click()
    page.get_by_role("button", name="Confirm").click()
    page.locator("[data-verb=start] button").click()
    page.locator("#maker-status[data-status=running]").wait_for()
    page.locator("#maker-fills tr:nth-child(8)").wait_for()
    page.locator("#maker").screenshot(path=PICTURES / "maker.png")
    page.locator("[data-verb=stop] button").click()
    page.locator("#maker-status[data-status=idle]").wait_for()


def logged_in(context, address: str) -> Page:
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{address}/admin/login/")
    page.fill("input[name=username]", os.environ.get("IRONBULL_USER", "admin"))
    page.fill("input[name=password]", os.environ["IRONBULL_PASSWORD"])
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/admin/")
    return page


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
