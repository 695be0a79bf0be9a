"""A person's day at the console, in a browser: from the first tenant to the audit trail.

All of it is clicked and typed. What comes from outside comes as it does: a chart's alert, a member
who asks for a payment at the Merchant API, a node that an operator has started.
"""

import json
import re
import time
import urllib.request
from dataclasses import dataclass
from datetime import timedelta

import pyotp
import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.core.audit import find_breach
from apps.tenants.services import begin_second_factor, confirm_second_factor
from apps.tenants.services.second_factor import SECRET
from engine.paper.generated import GeneratedMarket
from tests.apps.merchant.shop import signed
from tests.apps.rewards.test_withdrawals import ADDRESS, HASH
from tests.factories import PASSWORD, UserFactory
from tests.walks.running import running, wait_for
from tests.walks.story import SYMBOL

pytestmark = [
    pytest.mark.walk,
    pytest.mark.browser,
    pytest.mark.timeout(200),
    pytest.mark.django_db(transaction=True),
]
# So long after it was opened a position is closed; the market turns twice as late.
HELD_SECONDS = 13
SECOND_PASSWORD = "another long password"


class Person:
    """Somebody at a browser."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.errors = []
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def go(self, where):
        self.page.goto(f"{self.address}/admin/{where}", wait_until="domcontentloaded")

    def log_in(self, name, password, code=""):
        self.go("login/")
        self.page.fill("[name=username]", name)
        self.page.fill("[name=password]", password)
        self.page.press("[name=password]", "Enter")
        if code:
            self.page.wait_for_url("**/second-factor/**")
            self.page.fill("[name=code]", code)
            self.page.press("[name=code]", "Enter")
        self.page.wait_for_url(re.compile(r"/admin/$"))

    def find(self, text):
        """By the command palette: open it, type, take the first that is found."""
        self.page.keyboard.press("Control+k")
        self.page.locator("#search-input-command").press_sequentially(text)
        self.page.locator("#command-results a").first.click()

    def fill(self, **fields):
        for name, value in fields.items():
            field = self.page.locator(f"form [name='{name}']").last
            if field.evaluate("field => field.matches('.admin-autocomplete')"):
                self.choose(name, value)
            elif field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(label=value)
            elif isinstance(value, bool):
                field.set_checked(value)
            else:
                field.fill(str(value))

    def choose(self, name, text):
        """In a field that searches: open it, type, take what is found."""
        self.page.locator(f"[name={name}] + .select2").click()
        self.page.locator(".select2-search__field").fill(text)
        self.page.locator(".select2-results__option", has_text=text).first.click()

    def save(self):
        """Press Save: the next page is the list, with its message."""
        before = self.page.url
        with self.page.expect_navigation():
            self.page.locator("[name=_save]").first.click()
        assert self.page.url != before, self.page.locator("#content-main").last.inner_text()

    def add(self, model, **fields):
        self.go(f"{model}/add/")
        self.fill(**fields)
        self.save()

    def told(self, pattern):
        """What a message on the page says, by a pattern."""
        words = re.compile(pattern)
        self.page.locator("body", has_text=words).wait_for()
        return words.search(self.page.locator("body").inner_text()).groups()

    def follow(self, text, row=""):
        rows = self.page.locator("#result_list tbody tr", has_text=row)
        rows.get_by_role("link", name=text, exact=True).first.click()

    def act(self, title, row):
        """An action of a list, on one row, confirmed where it asks."""
        rows = self.page.locator("#result_list tbody tr", has_text=row)
        rows.locator("[name=_selected_action]").first.check()
        self.page.select_option("[name=action]", label=title)
        self.page.get_by_role("button", name="Run").click()
        confirm = self.page.get_by_role("button", name="Confirm")
        if confirm.count():
            confirm.first.click()

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def waits_for(self, selector, text, *, seconds=30):
        """Look again until something stands there, as a person does who waits for it."""
        ends_at = time.monotonic() + seconds
        while not self.page.locator(selector, has_text=text).count():
            assert time.monotonic() < ends_at, f"{text} does not appear on {self.page.url}"
            time.sleep(0.3)
            self.page.reload()


def price_in(seconds):
    at = timezone.now() + timedelta(seconds=seconds)
    return GeneratedMarket().price(SYMBOL, int(at.timestamp() * 1000))


def send(address, values, headers=()):
    """As another server sends it."""
    body = json.dumps(values).encode()
    about = {"Content-Type": "application/json", **dict(headers)}
    asked = urllib.request.Request(address, body, about)
    with urllib.request.urlopen(asked) as answer:
        return json.load(answer)


@pytest.fixture
def house(tmp_path, settings):
    settings.SECOND_FACTOR = False
    call_command("load_fixtures", verbosity=0)
    with running(tmp_path) as house:
        house.enroll("desk")
        house.start("centre", "heartbeats", "node", "beat")
        yield house


@pytest.fixture
def secret():
    """The device of Ann, who owns the platform, and set up her second factor a while ago."""
    ann = UserFactory(username="ann", tenant=None, role="owner", is_superuser=True)
    begin_second_factor(user=ann)
    ann.refresh_from_db()
    device = pyotp.TOTP(SECRET.unseal(ann))
    then = timezone.now() - timedelta(minutes=5)
    confirm_second_factor(user=ann, code=device.at(then), now=then)
    return device


def set_up(ann):
    """A plan, a tenant on it with its rules, two members and two accounts; the tenant's key."""
    ann.add("quotas/plan", code="desk", name="Desk", price_monthly="10")
    ann.add("tenants/tenant", name="Acme", plan="Desk")
    key = ann.told(r"App key (\S+)\. Its secret, shown once: (\S+)")
    # All of a profit's share goes to whoever invited who made it.
    ann.go("tenants/policy/")
    ann.page.locator("#result_list tbody th a").first.click()
    ann.fill(tech_rate="0", network_rate="1", direct_rate="1", peer_rate="0")
    ann.fill(min_holding="0", min_withdrawal="0.01")
    ann.save()
    alice = {"email": "alice@example.com", "first_password": "a long password"}
    ann.add("members/member", tenant="Acme", **alice)
    ann.follow("Overview", "alice")
    code = ann.page.locator("span", has_text="Invite code").locator("code").inner_text()
    bob = {"email": "bob@example.com", "first_password": "a long password"}
    ann.add("members/member", tenant="Acme", **bob, inviter_code=code)
    of_bob = {"member": "bob@example.com", "venue": "Paper", "node": "desk"}
    ann.add("venues/venueaccount", **of_bob, label="main")
    netted = {"margin": "Cross", "position_mode": "One way"}
    ann.add("venues/venueaccount", **of_bob, label="quoted", **netted)
    return key


def fund(ann):
    """Points for the tenant, and from its cards for Bob."""
    for page, row, amount in (
        ("tenants/tenant/", "Acme", "5000"),
        ("members/member/", "bob@example.com", "500"),
    ):
        ann.go(page)
        ann.follow("Recharge", row)
        ann.fill(amount=amount)
        ann.press("Show what will move")
        ann.press("Confirm")
        ann.told("Moved")


def subscribe(ann):
    """A strategy that a chart decides, the tenant's instance of it, and Bob who follows."""
    chart = {"code": "chart", "name": "Chart", "symbols": f'["{SYMBOL}"]', "timeframe": "1m"}
    ann.add("strategies/strategy", **chart)
    ann.add("strategies/tenantstrategy", tenant="Acme", strategy="Chart", capital="1000")
    ann.go("strategies/subscription/add/")
    ann.fill(tenant_strategy="Chart", venue_account="main", capital="100000", leverage="500")
    ann.page.locator("[name=leverage][aria-invalid=true]").wait_for()
    ann.fill(leverage="20", risk_mode="Bold")
    # The size is shown before anything is saved.
    ann.page.locator("#sizes td", has_text="40000").first.wait_for()
    ann.save()


@dataclass
class Chart:
    """Somebody's chart, which sends alerts."""

    address: str
    secret: str

    def say(self, **words):
        told = send(self.address, {"secret": self.secret, "symbol": "BTCUSDT", **words})
        assert told["outcome"] == "published", told


def open_intake(ann):
    ann.add("intake/intake", name="TradingView", strategy="Chart")
    (secret,) = ann.told(r"TradingView, shown once: (\S+)")
    ann.act("Activate", "TradingView")
    ann.go("intake/intake/")
    ann.follow("Address, template, try it", "TradingView")
    return Chart(ann.page.locator("code", has_text="/intake/").inner_text(), secret)


def watch_a_maker(ann):
    ann.go("makers/new/")
    account = ann.page.locator("[name=which-account] option", has_text="quoted")
    ann.fill(**{"which-account": account.inner_text()})
    ann.press("Show what it comes to")
    ann.press("Confirm")
    ann.page.locator("[data-verb=start] button").click()
    ann.page.wait_for_selector("#maker-status[data-status=running]", timeout=30_000)
    ann.page.locator("[data-verb=stop] button").click()
    ann.page.wait_for_selector("#maker-status[data-status=idle]", timeout=60_000)


def ask_for_payment(ann, key):
    """What the tenant's server does when Alice asks it."""
    name, secret = key
    path = "/merchant/v2/withdrawals"
    alice = found_by_server(ann, key, "/merchant/v2/members", "email=alice%40example.com")[0]
    body = {"member_id": alice["id"], "amount": "1", "address": ADDRESS}
    raw = json.dumps(body).encode()
    told = send(ann.address + path, body, signed(name, secret, "POST", path, body=raw).items())
    assert told["status"] == "pending"


def found_by_server(ann, key, path, query):
    name, secret = key
    headers = signed(name, secret, "GET", path, query=query)
    asked = urllib.request.Request(f"{ann.address}{path}?{query}", headers=headers)
    with urllib.request.urlopen(asked) as answer:
        return json.load(answer)["items"]


def pay(ann, browser, live_server):
    """Ann makes a user for the money, and approves; Carl, and not she, completes it."""
    carl = {"username": "carl", "email": "carl@example.com", "password": SECOND_PASSWORD}
    ann.add("tenants/user", **carl, role="Finance")
    ann.go("rewards/withdrawal/?status__exact=pending")
    ann.follow("Approve")
    ann.press("Confirm")
    ann.told("Approved")
    ann.go("rewards/withdrawal/?status__exact=approved")
    ann.follow("Complete")
    ann.fill(tx_hash=HASH)
    ann.press("Confirm")
    ann.told("who approved a withdrawal does not complete it")
    context = browser.new_context()
    second = Person(context.new_page(), live_server.url)
    second.log_in("carl", SECOND_PASSWORD)
    second.go("rewards/withdrawal/?status__exact=approved")
    second.follow("Complete")
    second.fill(tx_hash=HASH)
    second.press("Confirm")
    second.told("Completed")
    assert second.errors == []
    context.close()


def read_the_trail(ann):
    """Who did what, the latest first; and the chain of it holds."""
    ann.go("core/auditentry/")
    trail = ann.page.locator("#result_list").inner_text()
    for action in ("withdrawal.completed", "withdrawal.approved"):
        assert action in trail
    for actor in ("ann", "carl"):
        assert actor in trail
    ann.go("core/auditentry/?q=tenant_opened")
    assert "ann" in ann.page.locator("#result_list").inner_text()
    assert find_breach() is None


def test_a_day(house, secret, page, browser, live_server):
    ann = Person(page, live_server.url)
    ann.log_in("ann", PASSWORD, secret.now())
    key = set_up(ann)
    fund(ann)
    subscribe(ann)
    chart = open_intake(ann)

    # The chart speaks, and it is traded.
    wait_for(house.is_alive, seconds=60, what="the first heartbeat")
    direction = "long" if price_in(HELD_SECONDS) > price_in(1) else "short"
    chart.say(action="open", direction=direction, id="in")
    opened_at = time.monotonic()
    ann.go("orders/order/?kind__exact=trade")
    ann.waits_for("#result_list td", "Filled")
    name = page.locator("#result_list td.field-client_order_id").first.inner_text()

    # Meanwhile a maker quotes on another account, and is stopped.
    watch_a_maker(ann)

    time.sleep(max(0, opened_at + HELD_SECONDS - time.monotonic()))
    chart.say(action="close", direction=direction, id="out")
    ann.go("rewards/reward/?kind__exact=direct")
    ann.waits_for("#result_list td", "alice@example.com")

    # Alice asks for her reward at the tenant's server; two people decide.
    ask_for_payment(ann, key)
    pay(ann, browser, live_server)

    # An order is found by the name that the venue knows it by, with all that led to it.
    ann.find(name)
    page.wait_for_url("**/orders/order/**")
    assert name in page.locator("#content-main").inner_text()
    read_the_trail(ann)
    assert ann.errors == []
