"""Tenants are opened with one root; members join below their inviter, in their own tenant."""

from decimal import Decimal

import pytest

from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.ledger.models import Account
from apps.ledger.selectors import accounts_of
from apps.members import services
from apps.members.models import Member
from apps.members.selectors import ancestors_of
from apps.members.services import create_member, open_tenant, set_market_node
from apps.tenants.models import Tenant
from apps.tenants.services import resume_tenant, suspend_tenant
from tests.factories import LevelFactory

pytestmark = pytest.mark.django_db
PASSWORD = "a long password"


@pytest.fixture
def acme():
    LevelFactory()
    return open_tenant(name="Acme").tenant


def join(tenant, email, inviter=None):
    code = inviter.invite_code if inviter else ""
    return create_member(tenant=tenant, email=email, password=PASSWORD, invite_code=code)


def test_a_tenant_is_opened_with_one_root_and_empty_accounts(acme):
    root = Member.objects.of(acme).get()
    assert (root.root_of, root.inviter, root.path) == (acme, None, "")
    owners = [f"tenant:{acme.pk}", root.owner]
    accounts = accounts_of(owners, Account.Kind.values)
    assert {account.balance for account in accounts.values()} == {Decimal(0)}
    assert (root.owner, Account.Kind.RETAINED) in accounts
    assert AuditEntry.objects.filter(tenant=acme).exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_tenant_needs_a_name(name):
    LevelFactory()
    with pytest.raises(BadInput):
        open_tenant(name=name)
    assert not Tenant.objects.exists()


def test_a_line_of_inviters_is_kept_as_a_path(acme):
    root = Member.objects.of(acme).get()
    alice = join(acme, "alice@example.com")
    bob = join(acme, "bob@example.com", alice)
    carol = join(acme, "carol@example.com", bob)
    assert carol.path == f"{root.pk}/{alice.pk}/{bob.pk}/"
    assert ancestors_of([carol, alice]) == {carol.pk: [bob, alice, root], alice.pk: [root]}


def test_the_whole_tree_is_asked_for_at_once(acme, django_assert_num_queries):
    members = [join(acme, "m0@example.com")]
    for number in range(1, 6):
        members.append(join(acme, f"m{number}@example.com", members[-1]))
    with django_assert_num_queries(1):
        ancestors_of(members)


@pytest.mark.parametrize(
    ("case", "changes", "field"),
    [
        ("no address", {"email": "nonsense"}, "email"),
        ("a short password", {"password": "short"}, "password"),
        ("an unknown code", {"invite_code": "00000000"}, "invite_code"),
    ],
)
def test_bad_input_names_its_field_and_writes_nothing(acme, case, changes, field):
    given = {"email": "a@example.com", "password": PASSWORD, **changes}
    with pytest.raises(BadInput) as refused:
        create_member(tenant=acme, **given)
    assert refused.value.context["field"] == field
    assert Member.objects.of(acme).count() == 1


def test_another_tenants_code_is_unknown(acme):
    globex = open_tenant(name="Globex").tenant
    stranger = join(globex, "stranger@example.com")
    with pytest.raises(BadInput):
        join(acme, "a@example.com", stranger)


def test_an_address_is_taken_once_per_tenant(acme):
    globex = open_tenant(name="Globex").tenant
    join(acme, "alice@example.com")
    with pytest.raises(Conflict):
        join(acme, "alice@example.com")
    assert join(globex, "alice@example.com").tenant == globex


def test_a_code_that_is_taken_is_drawn_again(acme, monkeypatch):
    taken = int(Member.objects.of(acme).get().invite_code)
    draws = iter([taken, taken, 12345678])
    monkeypatch.setattr(services.secrets, "randbelow", lambda _: next(draws))
    assert join(acme, "alice@example.com").invite_code == "12345678"


def test_a_password_is_kept_as_bcrypt(acme):
    assert join(acme, "alice@example.com").password.startswith("bcrypt_sha256$")


def test_a_market_node_is_set_and_audited(acme):
    alice = join(acme, "alice@example.com")
    set_market_node(member=alice, is_market_node=True)
    alice.refresh_from_db()
    assert alice.is_market_node
    assert AuditEntry.objects.filter(subject=f"members.member:{alice.pk}").count() == 2


def test_a_tenant_is_suspended_once_and_resumed(acme):
    suspend_tenant(tenant=acme)
    assert acme.status == Tenant.Status.SUSPENDED
    with pytest.raises(Conflict):
        suspend_tenant(tenant=acme)
    resume_tenant(tenant=acme)
    assert Tenant.objects.get().status == Tenant.Status.ACTIVE
