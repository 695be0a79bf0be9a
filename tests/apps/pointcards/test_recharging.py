"""Point cards are filled: the tenant's from nothing, a member's from the tenant's own."""

from decimal import Decimal

import pytest

from apps.core.errors import BadInput, KeyReused
from apps.core.models import AuditEntry
from apps.ledger.errors import InsufficientPoints
from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import balances
from apps.ledger.verification import first_misfit
from apps.members.models import Member
from apps.members.services import create_member, open_tenant
from apps.pointcards.services import recharge_member, recharge_tenant
from apps.tenants.services import suspend_tenant
from tests.at_once import at_once
from tests.factories import LevelFactory

K = Account.Kind
BOTH = [K.SELF, K.GIFT]


def shop():
    """Acme with 100 self and 40 gift points, and Alice without any."""
    LevelFactory()
    acme = open_tenant(name="Acme").tenant
    recharge_tenant(key="self", tenant=acme, kind=K.SELF, amount=Decimal(100))
    recharge_tenant(key="gift", tenant=acme, kind=K.GIFT, amount=Decimal(40))
    return acme, create_member(tenant=acme, email="alice@example.com", password="long enough")


@pytest.fixture
def acme_alice(db):
    return shop()


def cards(acme, alice):
    found = balances([f"tenant:{acme.pk}", alice.owner], BOTH)
    return [found[owner, kind] for owner in (f"tenant:{acme.pk}", alice.owner) for kind in BOTH]


def give(alice, amount, *, kind=K.SELF, key="one"):
    return recharge_member(key=key, member=alice, kind=kind, amount=Decimal(amount))


def moved():
    return Transfer.objects.across_tenants().count(), AuditEntry.objects.count()


def refused_field(ask):
    """The field that a refusal names, when nothing moved and nothing was told."""
    before = moved()
    with pytest.raises(BadInput) as refused:
        ask()
    assert moved() == before
    return refused.value.context["field"]


def test_what_a_tenant_is_given_is_issued(acme_alice):
    acme, alice = acme_alice
    assert cards(acme, alice) == [100, 40, 0, 0]
    owner = f"tenant:{acme.pk}"
    assert balances([owner], [K.ISSUED]) == {(owner, K.ISSUED): Decimal(-140)}


@pytest.mark.parametrize(("kind", "after"), [(K.SELF, [0, 40, 100, 0]), (K.GIFT, [100, 0, 0, 40])])
def test_like_goes_to_like_down_to_the_last_unit(acme_alice, kind, after):
    give(acme_alice[1], {K.SELF: 100, K.GIFT: 40}[kind], kind=kind)
    assert cards(*acme_alice) == after
    before = moved()
    with pytest.raises(InsufficientPoints):
        give(acme_alice[1], "0.00000001", kind=kind, key="two")
    assert cards(*acme_alice) == after
    assert moved() == before


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "0.000000001", "1e30"])
def test_what_is_no_amount_moves_nothing(acme_alice, amount):
    acme, alice = acme_alice
    assert refused_field(lambda: give(alice, amount)) == "amount"
    asked = {"tenant": acme, "kind": K.SELF, "amount": Decimal(amount)}
    assert refused_field(lambda: recharge_tenant(key="two", **asked)) == "amount"


@pytest.mark.parametrize("kind", ["reward", "held", "issued", "nonsense", ""])
def test_a_card_is_self_or_gift(acme_alice, kind):
    acme, alice = acme_alice
    assert refused_field(lambda: give(alice, 1, kind=kind)) == "kind"
    asked = {"tenant": acme, "kind": kind, "amount": Decimal(1)}
    assert refused_field(lambda: recharge_tenant(key="two", **asked)) == "kind"


def test_a_disabled_member_is_given_nothing(acme_alice):
    _, alice = acme_alice
    Member.objects.across_tenants().filter(pk=alice.pk).update(status=Member.Status.DISABLED)
    assert refused_field(lambda: give(alice, 1)) == "member"


def test_a_suspended_tenant_gives_nothing(acme_alice):
    acme, alice = acme_alice
    suspend_tenant(tenant=acme)
    assert refused_field(lambda: give(alice, 1)) == "tenant"


def test_a_repeated_request_moves_and_is_told_once(acme_alice):
    acme, alice = acme_alice
    assert give(alice, 30).pk == give(alice, 30).pk
    assert cards(acme, alice) == [70, 40, 30, 0]
    entry = AuditEntry.objects.get(subject=f"members.member:{alice.pk}", action="cards.recharged")
    assert [Decimal(told["balance"]) for told in (entry.before, entry.after)] == [0, 30]
    assert (entry.after["kind"], entry.after["key"]) == ("self", "one")
    with pytest.raises(KeyReused):
        give(alice, 31)
    assert cards(acme, alice) == [70, 40, 30, 0]


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_spend_the_same_points():
    acme, alice = shop()
    answers = at_once(2, lambda key: give(alice, 60, key=key), ["one", "two"])
    assert sorted(type(answer).__name__ for answer in answers) == ["InsufficientPoints", "Transfer"]
    assert cards(acme, alice) == [40, 40, 60, 0]
    assert first_misfit() is None


@pytest.mark.django_db(transaction=True)
def test_the_same_request_many_times_at_once_moves_and_is_told_once():
    acme, alice = shop()
    answers = at_once(4, lambda: give(alice, 60).pk)
    assert len(set(answers)) == 1
    assert cards(acme, alice) == [40, 40, 60, 0]
    assert AuditEntry.objects.filter(subject=f"members.member:{alice.pk}").count() == 2
