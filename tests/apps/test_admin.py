"""Every page of the admin opens, shows a tenant its own, and writes nothing it may not."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from apps.backtests.models import Report
from apps.console.models import ExportPart
from apps.copying.models import Copier, Copy
from apps.core.admin import FactAdmin
from apps.core.models import AuditEntry, AuditHead, RefusedMessage, TenantOwned
from apps.core.services import refuse_message
from apps.members.models import Member
from apps.members.services import open_tenant
from apps.nodes.models import Node
from apps.orders.models import Ticket
from apps.positions.models import Close
from apps.risk.models import RiskRule
from apps.strategies.models import Strategy, Subscription, TenantStrategy
from apps.tallies.models import Reach, Tally
from apps.tenants.models import AppKey, Tenant
from apps.venues.models import VenueAccount
from tests import factories
from tests.factories import RowFactory, TenantFactory, UserFactory
from tests.points import give

pytestmark = pytest.mark.django_db

OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
# A report is shown on the page of its run, a part is no use without its file.
UNSHOWN = (AuditHead, ExportPart, Reach, Report)
REGISTERED = [model for model in OURS if model not in UNSHOWN]
OWNED = [model for model in REGISTERED if issubclass(model, TenantOwned)]
FACTORIES = {
    factory._meta.model: factory
    for factory in vars(factories).values()
    if isinstance(factory, type) and issubclass(factory, RowFactory) and factory._meta.model
}


def label(model):
    return model._meta.label


def page(model, name, *arguments):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=arguments)


def a_row_of(model):
    if model is AuditEntry:
        open_tenant_with_level()
        return AuditEntry.objects.first()
    return FACTORIES[model]()


def open_tenant_with_level(name="Acme"):
    factories.LevelFactory()
    return open_tenant(name=name).tenant


@pytest.fixture
def platform(client):
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    # The first page notes the login.
    client.get("/admin/logins/")
    return client


@pytest.fixture
def globex(client):
    """Staff of Globex with every permission there is."""
    client.force_login(
        UserFactory(tenant=TenantFactory(name="Globex", policy=None), is_superuser=True)
    )
    return client


@pytest.mark.parametrize("model", REGISTERED, ids=label)
def test_every_model_has_its_pages(platform, model):
    row = a_row_of(model)
    assert model in admin.site._registry
    assert platform.get(page(model, "changelist")).status_code == 200
    assert platform.get(page(model, "changelist"), {"q": "x"}).status_code == 200
    assert platform.get(page(model, "change", row.pk)).status_code == 200
    model_admin = admin.site._registry[model]
    answer = platform.get(page(model, "add"))
    assert answer.status_code == (403 if isinstance(model_admin, FactAdmin) else answer.status_code)
    assert answer.status_code in {200, 403}


@pytest.mark.parametrize("model", REGISTERED, ids=label)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_every_list_is_exported(platform, model, form):
    a_row_of(model)
    number = {"csv": "0", "xlsx": "1"}[form]
    answer = platform.post(page(model, "export"), {"format": number, "resource": ""})
    assert answer.status_code == 200
    assert "attachment" in answer.get("Content-Disposition", "")
    assert b"secret-alice" not in answer.content


@pytest.mark.parametrize("model", [*OWNED, RiskRule], ids=label)
def test_a_tenants_staff_never_see_anothers_row(globex, model):
    row = FACTORIES[model]()
    listed = globex.get(page(model, "changelist"))
    assert listed.status_code == 200
    assert str(row.pk) not in [str(shown.pk) for shown in listed.context["cl"].result_list]
    assert globex.get(page(model, "change", row.pk)).status_code == 302
    exported = globex.post(page(model, "export"), {"format": "0", "resource": ""})
    assert str(row.pk).encode() not in exported.content.splitlines()[1:]
    assert len(exported.content.splitlines()) <= 1


@pytest.mark.parametrize(
    "model",
    [model for model in REGISTERED if model not in (*OWNED, AuditEntry, RiskRule, Tally)],
    ids=label,
)
def test_what_is_the_platforms_is_not_a_tenants_to_see(globex, model):
    assert globex.get(page(model, "changelist")).status_code == 403


@pytest.mark.parametrize("model", OWNED, ids=label)
def test_no_choice_is_offered_from_another_tenant(globex, model):
    row = FACTORIES[model]()
    for field in model._meta.fields:
        if field.remote_field is None or not issubclass(field.related_model, TenantOwned):
            continue
        asked = {
            "app_label": model._meta.app_label,
            "model_name": model._meta.model_name,
            "field_name": field.name,
        }
        answer = globex.get(reverse("admin:autocomplete"), asked)
        assert getattr(row, field.attname) is None or answer.json()["results"] == []


def test_a_choice_is_offered_from_all_tenants_to_the_platform(platform):
    account = factories.VenueAccountFactory()
    asked = {
        "app_label": "strategies",
        "model_name": "subscription",
        "field_name": "venue_account",
    }
    answer = platform.get(reverse("admin:autocomplete"), asked)
    assert [offered["id"] for offered in answer.json()["results"]] == [str(account.pk)]


WAYS = [
    (model, *way)
    for model in REGISTERED
    if model in admin.site._registry
    for way in admin.site._registry[model].leads_to
]


@pytest.mark.parametrize(
    ("model", "title", "target", "lookup"),
    WAYS,
    ids=[f"{way[0].__name__}-{way[2]}" for way in WAYS],
)
def test_every_link_leads_to_the_rows_that_followed(platform, model, title, target, lookup):
    followed = apps.get_model(*target.rsplit("_", 1))
    name = lookup.split("__")[0]
    if followed is Member and name == "inviter":
        row = FACTORIES[followed](inviter=factories.MemberFactory())
    elif model is Copier and followed is not Copy:
        signal = {"signal": None} if followed is Ticket else {}
        row = FACTORIES[followed](subscription=factories.CopierFactory(), **signal)
    else:
        row = FACTORIES[followed]()
    FACTORIES[followed]()
    came_from = getattr(row, name)
    link = f"{page(followed, 'changelist')}?{lookup}={came_from.pk}"
    assert link in platform.get(page(model, "changelist")).content.decode().replace("&amp;", "&")
    shown = platform.get(link)
    assert shown.status_code == 200
    found = set(shown.context["cl"].result_list)
    assert row in found
    assert found == set(followed._base_manager.filter(**{lookup: came_from.pk}))
    assert found < set(followed._base_manager.all())


def lines_of(answer):
    """What a row's own page says, line by line: heading, value."""
    return [
        (str(field.field["label"]), str(field.contents()))
        for fieldset in answer.context["adminform"]
        for line in fieldset
        for field in line
    ]


@pytest.mark.parametrize("model", REGISTERED, ids=label)
def test_a_rows_page_says_everything_once(platform, model):
    row = a_row_of(model)
    answer = platform.get(page(model, "change", row.pk))
    if isinstance(admin.site._registry[model], FactAdmin):
        lines = lines_of(answer)
        headings = [heading for heading, _said in lines]
        assert sorted(set(headings)) == sorted(headings)
        assert not any(said.startswith("(") for _heading, said in lines)
    assert not re.findall(r"\d\.\d*000<", answer.content.decode())


def test_a_fill_leads_to_its_close_and_back(platform):
    fill = factories.FillFactory()
    close = factories.CloseFactory(fill_key=fill.key)
    factories.CloseFactory(fill_key=f"{fill.key}0")
    for came_from, led_to, lookup in [(fill, close, "fill_key"), (close, fill, "key")]:
        link = f"{page(type(led_to), 'changelist')}?" + urlencode({f"{lookup}__exact": fill.key})
        assert link in platform.get(page(type(came_from), "changelist")).content.decode()
        shown = platform.get(link).context["cl"].result_list
        assert [found.pk for found in shown] == [led_to.pk]


def test_an_account_leads_to_its_owner(platform):
    alice = factories.MemberFactory()
    factories.AccountFactory(owner=alice.owner)
    listed = platform.get(page(factories.AccountFactory._meta.model, "changelist"))
    assert page(Member, "change", alice.pk) in listed.content.decode()


def test_a_tenants_staff_are_given_no_link_to_what_they_may_not_see(client):
    ticket = factories.TicketFactory()
    client.force_login(UserFactory(tenant=ticket.tenant, is_superuser=True))
    listed = client.get(page(type(ticket), "changelist")).content.decode()
    assert str(ticket.signal) in listed
    assert page(type(ticket.signal), "change", ticket.signal.pk) not in listed
    assert page(type(ticket.venue_account), "change", ticket.venue_account.pk) in listed
    assert reverse("console:trace", args=[ticket.pk]) in listed


def found_by(client, term):
    answer = client.get(reverse("admin:search"), {"s": term, "extended": 1})
    return [found.link for found in answer.context["results"]] if answer.context else []


def test_the_palette_finds_facts_by_id_and_people_by_name(platform):
    ticket = factories.TicketFactory()
    alice = ticket.venue_account.member
    assert page(type(ticket), "change", ticket.pk) in found_by(platform, str(ticket.pk))
    assert page(Member, "change", alice.pk) in found_by(platform, alice.email)


def test_the_palette_finds_nothing_of_another_tenant(globex):
    ticket = factories.TicketFactory()
    assert found_by(globex, str(ticket.pk)) == []
    assert found_by(globex, ticket.venue_account.member.email) == []


def test_every_page_says_whose_rows_it_shows(globex):
    assert globex.get(page(Member, "changelist")).context["environment"] == ["Globex", "info"]


def test_the_platform_is_warned_while_it_looks_through_one_tenant(platform):
    acme = TenantFactory(name="Acme")
    assert platform.get(page(Member, "changelist")).context["environment"] is None
    platform.post(reverse("console:switch-tenant"), {"tenant": acme.pk})
    assert platform.get(page(Member, "changelist")).context["environment"] == ["Acme", "warning"]


def test_a_tenants_form_offers_only_its_own(globex):
    acmes = factories.VenueAccountFactory()
    form = globex.get(page(factories.SubscriptionFactory._meta.model, "add"))
    choices = form.context["adminform"].form.fields["venue_account"].queryset
    assert acmes not in choices


@pytest.mark.parametrize(
    "model",
    [model for model in REGISTERED if isinstance(admin.site._registry.get(model), FactAdmin)],
    ids=label,
)
def test_facts_are_not_written_here(platform, model):
    row = a_row_of(model)
    before = model._base_manager.filter(pk=row.pk).values().get()
    assert platform.post(page(model, "change", row.pk), {"status": "x"}).status_code == 403
    assert platform.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._base_manager.filter(pk=row.pk).values().get() == before


def rows_of(model, count):
    for number in range(count):
        if model is AuditEntry:
            open_tenant_with_level(name=f"Acme {number}")
        else:
            FACTORIES[model]()


def queries_of(ask):
    with CaptureQueriesContext(connection) as queries:
        ask()
    return len(queries)


@pytest.mark.parametrize("model", REGISTERED, ids=label)
def test_more_rows_cost_no_more_queries(platform, model, monkeypatch):
    asked = {"format": "0", "resource": ""}
    counts = []
    for more in (3, 15):
        rows_of(model, more)
        # Never all of them on one page, which is asked for otherwise.
        monkeypatch.setattr(admin.site._registry[model], "list_per_page", more - 1)
        counts.append(
            (
                queries_of(lambda: platform.get(page(model, "changelist"))),
                queries_of(lambda: platform.post(page(model, "export"), asked)),
            )
        )
    assert counts[1] == counts[0]


def test_a_search_asks_as_much_among_many_rows_as_among_few(platform):
    counts = []
    for more in (1, 6):
        for model in REGISTERED:
            rows_of(model, more)
        counts.append(queries_of(lambda: platform.get(f"{reverse('admin:search')}?s=a&extended=1")))
    assert counts[1] == counts[0]


def test_a_tenant_is_opened_whole(platform):
    factories.LevelFactory()
    unplanned = platform.post(page(Tenant, "add"), {"name": "Initech"})
    assert "plan" in unplanned.context["adminform"].form.errors
    assert not Tenant.objects.exists()
    asked = {"name": "Initech", "plan": factories.PlanFactory().pk}
    answer = platform.post(page(Tenant, "add"), asked, follow=True)
    tenant = Tenant.objects.get(name="Initech")
    assert Member.objects.of(tenant).filter(root_of=tenant).count() == 1
    key = AppKey.objects.of(tenant).get()
    secret = AppKey._meta.get_field("secret").unseal(key)
    assert secret in answer.content.decode()
    # Shown once, and nowhere else.
    shown = platform.get(page(AppKey, "change", key.pk)).content.decode()
    assert key.key in shown
    assert secret not in shown


def test_a_key_is_rotated_and_revoked_and_its_follower_shown_once(platform):
    key = factories.AppKeyFactory(networks=["203.0.113.0/24"])
    chosen = {"_selected_action": key.pk, "confirmed": "yes"}
    answer = platform.post(page(AppKey, "changelist"), {**chosen, "action": "rotate"}, follow=True)
    follower = AppKey.objects.of(key.tenant).exclude(pk=key.pk).get()
    assert follower.key in answer.content.decode()
    assert follower.networks == ["203.0.113.0/24"]
    key.refresh_from_db()
    assert key.expires_at > timezone.now() + timedelta(days=6)
    platform.post(page(AppKey, "changelist"), {**chosen, "action": "revoke"})
    key.refresh_from_db()
    assert key.status == AppKey.Status.REVOKED


def test_a_key_is_changed_and_what_is_wrong_is_told_on_its_field(platform):
    key = factories.AppKeyFactory()
    asked = {"name": "Shop", "scopes": ["read"], "allowed": "203.0.113.7, 10.0.0.0/8"}
    answer = platform.post(page(AppKey, "change", key.pk), {**asked, "allowed": "10.0.0.0/99"})
    assert "allowed" in answer.context["adminform"].form.errors
    answer = platform.post(page(AppKey, "change", key.pk), {**asked, "scopes": []})
    assert "scopes" in answer.context["adminform"].form.errors
    platform.post(page(AppKey, "change", key.pk), asked)
    key.refresh_from_db()
    assert (key.name, key.scopes) == ("Shop", ["read"])
    assert key.networks == ["203.0.113.7/32", "10.0.0.0/8"]


def test_a_refusal_is_told_on_its_field_and_nothing_is_written(platform):
    wrong = {
        "code": "bad",
        "name": "Bad",
        "rule": "ma_cross",
        "params": '{"fast_ma": 0}',
        "venue": "paper",
        "symbols": '["BTC/USDT"]',
        "timeframe": "1m",
        "min_confidence": "50",
        "cooldown_seconds": "0",
    }
    answer = platform.post(page(Strategy, "add"), wrong)
    assert "fast_ma" in str(answer.context["adminform"].form.errors["params"])
    assert not Strategy.objects.exists()


def test_an_action_calls_its_service_and_is_audited(platform):
    node = factories.NodeFactory()
    chosen = {"action": "pause", "_selected_action": [node.pk]}
    platform.post(page(Node, "changelist"), chosen)
    node.refresh_from_db()
    assert node.status == Node.Status.PAUSED
    assert AuditEntry.objects.filter(action="node.paused").exists()


def test_what_cannot_be_taken_back_is_asked_first(platform):
    node = factories.NodeFactory()
    chosen = {"action": "revoke", "_selected_action": [node.pk]}
    asked = platform.post(page(Node, "changelist"), chosen)
    node.refresh_from_db()
    assert node.status == Node.Status.ACTIVE
    assert asked.context["chosen"] == [str(node.pk)]
    platform.post(page(Node, "changelist"), {**chosen, "confirmed": "1"})
    node.refresh_from_db()
    assert node.status == Node.Status.REVOKED


def test_only_a_failed_close_is_settled_again(platform, hints):
    failed = factories.CloseFactory(status=Close.Status.FAILED)
    waiting = factories.CloseFactory()
    chosen = {"action": "settle_again", "_selected_action": [failed.pk, waiting.pk]}
    answer = platform.post(page(Close, "changelist"), chosen, follow=True)
    assert hints.named("rewards.settle") == [{"close_ids": [str(failed.pk)]}]
    assert any("only a close that failed" in str(said) for said in answer.context["messages"])
    assert AuditEntry.objects.filter(action="close.settle_again").count() == 1


def test_a_member_is_created_below_its_inviter(platform):
    acme = open_tenant_with_level()
    root = Member.objects.of(acme).get(root_of=acme)
    asked = {
        "tenant": acme.pk,
        "email": "alice@example.com",
        "first_password": "x",
        "inviter_code": "",
    }
    refused = platform.post(page(Member, "add"), asked)
    assert "first_password" in refused.context["adminform"].form.errors
    assert Member.objects.of(acme).count() == 1
    platform.post(page(Member, "add"), {**asked, "first_password": factories.PASSWORD})
    assert Member.objects.of(acme).get(email="alice@example.com").inviter == root


def test_a_member_is_made_a_market_node_and_nothing_else_is_set_by_hand(platform):
    alice = factories.MemberFactory()
    level = factories.LevelFactory(number=2)
    asked = {"level": level.pk, "status": "disabled", "is_market_node": "on"}
    platform.post(page(Member, "change", alice.pk), asked)
    alice.refresh_from_db()
    assert (alice.level_id, alice.status) == (0, Member.Status.ACTIVE)
    assert alice.is_market_node


def test_a_member_is_moved_under_another_and_never_under_nobody(platform):
    carol = factories.MemberFactory()
    bob = factories.MemberFactory(tenant=carol.tenant, inviter=carol)
    alice = factories.MemberFactory(tenant=carol.tenant, inviter=carol)
    for wrong in ("", alice.pk):
        refused = platform.post(page(Member, "change", alice.pk), {"inviter": wrong})
        assert "inviter" in refused.context["adminform"].form.errors
    platform.post(page(Member, "change", alice.pk), {"inviter": bob.pk})
    alice.refresh_from_db()
    assert alice.inviter == bob


def test_an_account_is_bound_and_its_secret_never_comes_back(platform):
    alice, node = factories.MemberFactory(), factories.NodeFactory()
    asked = {"member": alice.pk, "venue": "okx", "label": "main", "node": node.pk}
    asked |= {"api_key": "key-of-alice-9999", "api_secret": "secret-of-alice", "passphrase": ""}
    refused = platform.post(page(VenueAccount, "add"), asked)
    assert "passphrase" in refused.context["adminform"].form.errors
    assert "secret-of-alice" not in refused.content.decode()
    assert not VenueAccount.objects.of(alice.tenant).exists()
    platform.post(page(VenueAccount, "add"), {**asked, "passphrase": "words-of-alice"})
    account = VenueAccount.objects.of(alice.tenant).get()
    shown = platform.get(page(VenueAccount, "change", account.pk)).content.decode()
    assert "9999" in shown
    assert "of-alice" not in shown


def test_a_paper_account_needs_no_keys(platform):
    alice = factories.MemberFactory()
    asked = {"member": alice.pk, "venue": "paper", "label": "futures", "node": ""}
    platform.post(page(VenueAccount, "add"), asked)
    assert VenueAccount.objects.of(alice.tenant).get().key_hint


def test_accounts_are_given_to_another_node_except_those_with_a_ticket_under_way(platform):
    free, busy = factories.VenueAccountFactory(), factories.VenueAccountFactory()
    other, home = factories.NodeFactory(), busy.node
    factories.TicketFactory(subscription__venue_account=busy)
    chosen = {"action": "assign", "_selected_action": [free.pk, busy.pk]}
    shown = platform.post(page(VenueAccount, "changelist"), chosen, follow=True)
    assert [account.pk for account in shown.context["accounts"]] == [free.pk, busy.pk]
    paused = factories.NodeFactory(status=Node.Status.PAUSED)
    asked = {"account": [free.pk, busy.pk]}
    for wrong in ("", paused.pk):
        refused = platform.post(reverse("console:assign-accounts"), {**asked, "node": wrong})
        assert refused.context["form"].errors["node"]
    asked["node"] = other.pk
    answer = platform.post(reverse("console:assign-accounts"), asked, follow=True)
    for account in (free, busy):
        account.refresh_from_db()
    assert (free.node, busy.node) == (other, home)
    assert any(f"({busy.pk})" in str(said) for said in answer.context["messages"])
    assert AuditEntry.objects.filter(action="venue_account.assigned").count() == 1


def test_whoever_may_not_change_nodes_gives_them_no_accounts(globex):
    account, node = factories.VenueAccountFactory(), factories.NodeFactory()
    before = account.node
    asked = {"account": [account.pk], "node": node.pk}
    assert globex.post(reverse("console:assign-accounts"), asked).status_code in {200, 403}
    account.refresh_from_db()
    assert account.node == before


def test_a_node_is_expected_joined_and_confirmed_on_its_pages(platform):
    answer = platform.post(page(Node, "add"), {"code": "tokyo-1", "name": "Tokyo"}, follow=True)
    node = Node.objects.get()
    (shown,) = [str(said) for said in answer.context["messages"] if "--code" in str(said)]
    code = re.search(r"--code (\w+)", shown).group(1)
    address = page(Node, "change", node.pk)
    assert code not in platform.get(address).content.decode()

    asked = factories.node_keys()
    refused = platform.post(address, {**asked, "one_time_code": "wrong"})
    assert refused.context["adminform"].form.errors["one_time_code"]
    platform.post(address, {**asked, "one_time_code": code})
    node.refresh_from_db()
    assert (node.status, node.verify_key) == (Node.Status.PENDING, asked["verify_key"])

    # It is typed from the host's screen, and so not shown before.
    assert node.fingerprint not in platform.get(address).content.decode()
    refused = platform.post(address, {"fingerprint": "0000"})
    assert refused.context["adminform"].form.errors["fingerprint"]
    platform.post(address, {"fingerprint": node.fingerprint})
    node.refresh_from_db()
    assert node.status == Node.Status.ACTIVE
    assert node.fingerprint in platform.get(address).content.decode()
    platform.post(address, {"name": "Tokyo One", "status": "revoked"})
    node.refresh_from_db()
    assert (node.name, node.status) == ("Tokyo One", Node.Status.ACTIVE)


def test_a_new_one_time_code_is_made_for_a_pending_node_only(platform):
    platform.post(page(Node, "add"), {"code": "tokyo-1", "name": "Tokyo"})
    pending, active = Node.objects.get(), factories.NodeFactory()
    before = pending.join_hash
    chosen = {"action": "renew", "_selected_action": [pending.pk, active.pk]}
    answer = platform.post(page(Node, "changelist"), chosen, follow=True)
    pending.refresh_from_db()
    assert pending.join_hash not in ("", before)
    told = [str(said) for said in answer.context["messages"]]
    assert sum("--code" in said for said in told) == 2
    assert any("enrolled already" in said for said in told)


def test_the_hash_of_a_code_is_not_exported(platform):
    platform.post(page(Node, "add"), {"code": "tokyo-1", "name": "Tokyo"})
    answer = platform.post(page(Node, "export"), {"format": "0", "resource": ""})
    (row,) = read_csv(answer)
    assert row["code"] == "tokyo-1"
    assert Node.objects.get().join_hash not in answer.content.decode()


def test_a_strategy_is_offered_and_followed(platform):
    account, strategy = factories.VenueAccountFactory(), factories.StrategyFactory()
    give(account.member)
    tenant = account.tenant
    asked = {"tenant": tenant.pk, "strategy": strategy.pk, "display_name": "Fast"}
    asked |= {"capital": "1000", "leverage": "20", "risk_mode": "1", "sort_order": "0"}
    asked |= {"min_capital": "300"}
    platform.post(page(TenantStrategy, "add"), asked)
    offered = TenantStrategy.objects.of(tenant).get()
    asked = {"tenant_strategy": offered.pk, "venue_account": account.pk, "capital": "500"}
    asked |= {"leverage": "126", "risk_mode": "1", "mode": "once"}
    refused = platform.post(page(Subscription, "add"), asked)
    assert "leverage" in refused.context["adminform"].form.errors
    assert not Subscription.objects.of(tenant).exists()
    platform.post(page(Subscription, "add"), {**asked, "leverage": "5"})
    assert Subscription.objects.of(tenant).get().member == account.member


def test_a_rate_is_a_share(platform):
    level = factories.LevelFactory(number=1, rate=Decimal("0.2"))
    asked = {"name": "S1", "min_team_holding": "0", "rate": "1.5", "number": "7"}
    answer = platform.post(page(type(level), "change", level.pk), asked)
    assert "rate" in answer.context["adminform"].form.errors
    answer = platform.post(
        page(type(level), "change", level.pk), {**asked, "rate": "0.5", "min_team_holding": "-1"}
    )
    assert "min_team_holding" in answer.context["adminform"].form.errors
    platform.post(page(type(level), "change", level.pk), {**asked, "rate": "0.5"})
    assert list(type(level).objects.values_list("number", "rate")) == [(1, Decimal("0.5"))]


def test_one_refusal_stops_no_other(platform):
    revoked = factories.NodeFactory(status=Node.Status.REVOKED)
    node = factories.NodeFactory()
    chosen = {"action": "pause", "_selected_action": [revoked.pk, node.pk], "confirmed": "1"}
    answer = platform.post(page(Node, "changelist"), chosen)
    node.refresh_from_db()
    assert node.status == Node.Status.PAUSED
    assert any("cannot become" in str(message) for message in answer.context["messages"])


def test_what_is_changed_by_hand_is_audited(platform):
    plan = factories.PlanFactory()
    form = platform.get(page(type(plan), "change", plan.pk)).context["adminform"].form
    values = {name: form.initial[name] for name in form.fields}
    platform.post(page(type(plan), "change", plan.pk), {**values, "calls_daily": 7})
    entry = AuditEntry.objects.get(action="plan.changed")
    assert (entry.before, entry.after) == ({"calls_daily": "0"}, {"calls_daily": "7"})


@pytest.mark.parametrize("model", REGISTERED, ids=label)
def test_chosen_rows_are_exported_alone(platform, model):
    row = a_row_of(model)
    if model is not AuditEntry:
        a_row_of(model)
    chosen = {"action": "export_admin_action", "_selected_action": [row.pk]}
    form = platform.post(page(model, "changelist"), chosen)
    asked = {"format": "0", "resource": "", "export_items": [str(row.pk)]}
    exported = platform.post(form.context["export_url"], asked)
    assert "attachment" in exported["Content-Disposition"]
    assert len(read_csv(exported)) == 1


def read_csv(answer):
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_another_tenants_row_is_not_exported_by_its_id(globex):
    row = factories.TicketFactory()
    asked = {"format": "0", "resource": "", "export_items": [str(row.pk)]}
    answer = globex.post(page(type(row), "export"), asked)
    assert "Content-Disposition" not in answer


def test_a_filtered_list_is_exported_filtered(platform):
    paused = factories.NodeFactory(status=Node.Status.PAUSED)
    factories.NodeFactory()
    address = page(Node, "export") + "?status__exact=paused"
    exported = platform.post(address, {"format": "0", "resource": ""})
    assert [row["code"] for row in read_csv(exported)] == [paused.code]


def test_numbers_are_exported_whole(platform):
    close = factories.CloseFactory(profit=Decimal("-1234.00000001"), fee=Decimal(0))
    answer = platform.post(page(type(close), "export"), {"format": "0", "resource": ""})
    (row,) = read_csv(answer)
    assert (row["profit"], row["fee"]) == ("-1234.00000001", "0.00000000")
    assert row["failed_because"] == row["next_at"] == ""
    answer = platform.post(page(type(close), "export"), {"format": "1", "resource": ""})
    headings, cells = load_workbook(io.BytesIO(answer.content)).active.values
    assert dict(zip(headings, cells, strict=True))["profit"] == pytest.approx(-1234)


def test_a_secret_is_not_spelled_out_by_a_filter(platform):
    factories.VenueAccountFactory()
    lists = [(factories.VenueAccountFactory, "credentials"), (factories.MemberFactory, "password")]
    for factory, secret in lists:
        address = page(factory._meta.model, "changelist")
        assert platform.get(address, {f"{secret}__startswith": "a"}).status_code == 400


@pytest.mark.parametrize("reason", ["=HYPERLINK(1)", "+1", "-1", "@A1"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_message_that_looks_like_a_formula_is_exported_as_text(platform, form, reason):
    refuse_message(queue="centre.default", reason=reason, body=b"x")
    asked = {"format": {"csv": "0", "xlsx": "1"}[form], "resource": ""}
    answer = platform.post(page(RefusedMessage, "export"), asked)
    if form == "csv":
        (row,) = read_csv(answer)
    else:
        headings, cells = load_workbook(io.BytesIO(answer.content)).active.values
        row = dict(zip(headings, cells, strict=True))
    assert row["reason"] == "'" + reason
