"""From every page of the console a person finds back: to the list it is about, or home."""

import pytest
from django.urls import reverse

from apps.console.pages import LISTS
from apps.console.urls import urlpatterns
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


def arrow(told):
    return 'title="Go back"' in told and told.split('title="Go back"')[0].rsplit('href="', 1)[1]


def test_every_page_that_is_named_is_one_and_leads_to_a_list():
    assert set(LISTS) <= {one.name for one in urlpatterns}
    for page in LISTS.values():
        assert reverse(f"admin:{page}_changelist")


def test_a_members_page_leads_to_the_members_and_one_of_no_list_home(client):
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    member = client.get(reverse("console:member", args=[MemberFactory().pk])).content.decode()
    assert arrow(member).startswith(reverse("admin:members_member_changelist"))
    money = client.get(reverse("console:money")).content.decode()
    assert arrow(money).startswith(reverse("admin:index"))


def test_a_rows_page_leads_to_its_list(client):
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    row = MemberFactory()
    told = client.get(reverse("admin:members_member_change", args=[row.pk])).content.decode()
    assert arrow(told).startswith(reverse("admin:members_member_changelist"))
