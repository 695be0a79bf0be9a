"""A crowd fits together as a real business does, and goes on where it was stopped."""

import pytest
from django.core.management import CommandError, call_command

from apps.ledger.models import Transfer
from apps.members.models import Member
from apps.orders.models import Order
from apps.pointcards.models import Charge
from apps.rewards.models import Reward, Withdrawal
from apps.tenants.models import Tenant
from ironbull.crowd import trading
from tests.factories import TenantFactory

pytestmark = pytest.mark.django_db
ASKED = ["--tenants=2", "--members=60", "--orders=400"]


@pytest.fixture(autouse=True)
def levels():
    call_command("load_fixtures", verbosity=0)


def test_holds_its_books_and_its_tenants_apart():
    call_command("crowd", *ASKED)

    call_command("verify_ledger")
    call_command("verify_tenants")
    assert Tenant.objects.count() == 2
    assert Member.objects.across_tenants().filter(root_of=None).count() == 60
    assert Order.objects.across_tenants().count() >= 400
    # Some of everything is there to be looked at.
    assert Withdrawal.objects.across_tenants().exists()
    assert Reward.objects.across_tenants().exists()
    assert Charge.objects.across_tenants().filter(shortfall__gt=0).exists()


def test_goes_on_where_it_was_stopped(monkeypatch):
    class Stopped(Exception):
        """Somebody pressed Ctrl-C."""

    def stop(*told):
        raise Stopped

    with monkeypatch.context() as stopped:
        stopped.setattr(trading.Round, "settle", stop)
        with pytest.raises(Stopped):
            call_command("crowd", *ASKED)
    assert Tenant.objects.count() == 2
    assert not Order.objects.across_tenants().exists()

    call_command("crowd", *ASKED)
    made = Order.objects.across_tenants().count(), Transfer.objects.across_tenants().count()
    call_command("crowd", *ASKED)

    assert made == (
        Order.objects.across_tenants().count(),
        Transfer.objects.across_tenants().count(),
    )
    call_command("verify_ledger")


def test_is_no_neighbour_of_a_real_business():
    TenantFactory()

    with pytest.raises(CommandError, match="none of a crowd's"):
        call_command("crowd", *ASKED)

    assert Tenant.objects.count() == 1
