"""Takes the pictures of the README from a running demo, with Debian's chromium.

IRONBULL_PASSWORD=… python docs/take_pictures.py http://127.0.0.1:8000
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
SIZE = {"width": 1440, "height": 900}
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


def main() -> None:
    address = sys.argv[1].rstrip("/")
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = browser.new_context(viewport=SIZE).new_page()
        log_in(page, address)
        take(page, "dashboard")
        page.goto(f"{address}/admin/signals/signal/?status__exact=planned")
        take(page, "signals")
        page.goto(f"{address}/admin/rewards/reward/")
        take(page, "rewards")
        page.goto(f"{address}/admin/money/?days=7")
        take(page, "money")
        page.goto(f"{address}/admin/rewards/pool/")
        page.locator("#result_list a", has_text="Split").first.click()
        take(page, "pool")
        page.goto(f"{address}/admin/rewards/reward/")
        page.locator("#result_list a", has_text="Trace").first.click()
        take(page, "trace")

        page.goto(f"{address}/admin/runs/new/?rule=ema_cross")
        page.get_by_role("button", name="Start").click()
        page.frame_locator("iframe.run-report").locator("h1").wait_for()
        take(page, "backtest")

        page.goto(f"{address}/arena/")
        page.locator("#chart path.curve").first.wait_for()
        take(page, "arena")

        dark = browser.new_context(viewport=SIZE, color_scheme="dark", locale="zh-CN").new_page()
        log_in(dark, address)
        take(dark, "dashboard-zh-dark")
        browser.close()


def log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/admin/login/")
    page.fill("input[name=username]", os.environ.get("IRONBULL_USER", "admin"))
    page.fill("input[name=password]", os.environ["IRONBULL_PASSWORD"])
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/admin/")


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
