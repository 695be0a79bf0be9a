"""Every browser that is logged in stands on a login, which its user and the owner may end."""

import pytest
from django.test import Client

from apps.platform.tokens import access_token
from apps.tenants.models import Login
from apps.tenants.services import disable_user, end_login
from tests.apps.platform.desk import Desk, data_of, refusal_of
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return UserFactory(username="ann", is_superuser=True, is_staff=True)


def browser(user, **extra):
    client = Client(headers={"User-Agent": "Firefox"}, **extra)
    client.post("/admin/login/", {"username": user.username, "password": PASSWORD})
    assert client.get("/admin/").status_code == 200
    return client


def test_a_browser_is_noted_once_and_forgotten_when_it_leaves(ann):
    client = browser(ann, REMOTE_ADDR="203.0.113.7")
    client.get("/admin/members/member/")
    login = Login.objects.get()
    assert (login.kind, login.source, login.program) == ("pages", "203.0.113.7", "Firefox")
    client.post("/admin/logout/")
    login.refresh_from_db()
    assert login.ended_at
    assert client.get("/admin/").status_code == 302


def test_a_login_that_was_ended_lets_its_browser_in_no_more(ann):
    here, there = browser(ann), browser(ann)
    lost = Login.objects.order_by("pk").first()
    shown = there.get("/admin/logins/").content.decode()
    assert shown.count('name="login"') == 2
    there.post("/admin/logins/", {"login": lost.pk})
    assert here.get("/admin/").headers["Location"].startswith("/admin/login/")
    assert there.get("/admin/").status_code == 200


def test_all_others_are_ended_at_once(ann):
    others, this = [browser(ann), browser(ann)], browser(ann)
    this.post("/admin/logins/", {"login": "others"})
    assert [client.get("/admin/").status_code for client in others] == [302, 302]
    assert this.get("/admin/").status_code == 200


def test_nobody_ends_anothers_login_on_this_page(ann):
    bob = UserFactory(is_superuser=True, is_staff=True)
    client = browser(bob)
    browser(ann)
    hers = Login.objects.get(user=ann)
    assert client.post("/admin/logins/", {"login": hers.pk}).status_code == 404
    hers.refresh_from_db()
    assert hers.ended_at is None


def test_a_disabled_user_is_out_of_the_pages_at_once(ann):
    UserFactory(username="boss", is_superuser=True)
    client = browser(ann)
    disable_user(user=ann)
    assert client.get("/admin/").status_code == 302
    assert not Login.objects.filter(user=ann, ended_at=None).exists()


def test_a_program_lists_and_ends_its_users_logins(ann):
    desk = Desk(username="carl", is_superuser=True, is_staff=True)
    client = browser(desk.user)
    mine = data_of(desk.get("auth/logins"))
    assert {(line["kind"], line["is_this"]) for line in mine} == {
        ("program", True),
        ("pages", False),
    }
    page = next(line["id"] for line in mine if line["kind"] == "pages")
    assert data_of(desk.post(f"auth/logins/{page}/end")) is None
    assert client.get("/admin/").status_code == 302
    browser(ann)
    hers = Login.objects.get(user=ann)
    assert refusal_of(desk.post(f"auth/logins/{hers.pk}/end")) == (404, "not_found")


def test_a_page_login_is_no_program(ann):
    browser(ann)
    login = Login.objects.get()
    answer = Client().post(
        "/api/auth/refresh", {"refresh": f"{login.pk}.."}, content_type="application/json"
    )
    assert refusal_of(answer) == (401, "login_ended")
    login.refresh_from_db()
    assert login.ended_at is None
    end_login(login=login, now=login.created_at)
    headers = {"Authorization": f"Bearer {access_token(login, now=login.created_at)}"}
    assert refusal_of(Client().get("/api/auth/me", headers=headers)) == (401, "login_ended")
