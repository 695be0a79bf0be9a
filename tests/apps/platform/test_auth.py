"""Logging in, staying, leaving; and everything that is not let in."""

from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apps.core.models import AuditEntry, IdempotencyKey
from apps.platform.tokens import AUDIENCE, access_token
from apps.tenants.models import Login, LoginFailure, User
from apps.tenants.services import suspend_tenant
from tests.apps.platform.desk import Desk, data_of, log_in, refusal_of
from tests.at_once import at_once
from tests.factories import PASSWORD, TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return Desk()


def test_who_logs_in_is_told_who_they_are(desk):
    told = data_of(log_in(Client(), desk.user.username, REMOTE_ADDR="203.0.113.7"))
    assert told["expires_in_seconds"] == 1800
    desk.tokens = told
    me = data_of(desk.get("auth/me"))
    assert (me["username"], me["role"]) == (desk.user.username, "owner")
    assert Login.objects.first().source == "203.0.113.7"


@pytest.mark.parametrize("case", ["unknown", "wrong", "inactive", "suspended"])
def test_nobody_is_told_why_a_login_was_refused(case):
    user = UserFactory(tenant=TenantFactory(), role="staff")
    name, password = user.username, PASSWORD
    if case == "unknown":
        name = "nobody"
    elif case == "wrong":
        password = "not it"
    elif case == "inactive":
        User.objects.update(is_active=False)
    else:
        suspend_tenant(tenant=user.tenant)
    answer = log_in(Client(), name, password)
    assert refusal_of(answer) == (401, "wrong_credentials")
    assert answer.json()["message"] == "the user name or the password is wrong"
    assert not Login.objects.exists()


def test_five_wrong_tries_lock_the_name_and_time_opens_it_again():
    user = UserFactory(username="Alice")
    for _ in range(5):
        assert refusal_of(log_in(Client(), "alice", "wrong"))[0] == 401
    locked = log_in(Client(), "Alice")
    assert refusal_of(locked) == (429, "locked_out")
    assert 0 < int(locked.headers["Retry-After"]) <= 900
    # The admin's own door is locked with it.
    page = Client().post("/admin/login/", {"username": "Alice", "password": PASSWORD})
    assert page.status_code == 200
    LoginFailure.objects.update(created_at=timezone.now() - timedelta(minutes=16))
    assert log_in(Client(), "Alice").status_code == 200
    assert AuditEntry.objects.filter(action="login.failed").count() == 5
    assert user.logins.count() == 1


def test_the_right_password_forgets_the_wrong_ones():
    UserFactory(username="alice")
    for _ in range(2):
        for _ in range(4):
            log_in(Client(), "alice", "wrong")
        assert log_in(Client(), "alice").status_code == 200
    assert not LoginFailure.objects.exists()


def test_many_names_from_one_address_lock_the_address():
    UserFactory(username="alice")
    for number in range(30):
        log_in(Client(), f"user{number}", "wrong", REMOTE_ADDR="203.0.113.7")
    locked = log_in(Client(), "alice", REMOTE_ADDR="203.0.113.7")
    assert refusal_of(locked) == (429, "locked_out")
    assert log_in(Client(), "alice", REMOTE_ADDR="203.0.113.8").status_code == 200


def refresh(token):
    return Client().post("/api/auth/refresh", {"refresh": token}, content_type="application/json")


def test_a_refresh_token_is_good_once_and_its_copy_ends_the_login(desk):
    first = desk.tokens["refresh"]
    renewed = data_of(refresh(first))
    assert renewed["refresh"] != first
    assert refusal_of(refresh(first)) == (401, "login_ended")
    # Whoever has the copy, and whoever has the good one, logs in again.
    assert refusal_of(refresh(renewed["refresh"])) == (401, "login_ended")
    assert refusal_of(desk.get("auth/me")) == (401, "login_ended")
    assert Login.objects.get().ended_because == "reused"


@pytest.mark.django_db(transaction=True)
def test_of_two_refreshes_at_once_one_is_good():
    desk = Desk()
    answers = at_once(2, lambda: refresh(desk.tokens["refresh"]).status_code)
    assert sorted(answers) == [200, 401]


@pytest.mark.parametrize(
    "token", ["", "x", "1", "1.", "1.wrong", "99999.x", "-1.x", "9" * 30 + ".x", "\u0661.x"]
)
def test_a_refresh_token_that_was_never_given_is_refused(desk, token):
    assert refusal_of(refresh(token)) == (401, "login_ended")


def claims(desk, **changes):
    now = timezone.now()
    told = {
        "sub": str(desk.user.pk),
        "login": Login.objects.get().pk,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + timedelta(minutes=5),
    }
    return {name: value for name, value in (told | changes).items() if value is not None}


FORGED = {
    "another key": lambda desk: jwt.encode(claims(desk), "another key " * 4, "HS256"),
    "no algorithm": lambda desk: jwt.encode(claims(desk), "", "none"),
    "another audience": lambda desk: jwt.encode(
        claims(desk, aud="merchant"), settings.SECRET_KEY, "HS256"
    ),
    "no end": lambda desk: jwt.encode(claims(desk, exp=None), settings.SECRET_KEY, "HS256"),
    "no login": lambda desk: jwt.encode(claims(desk, login=None), settings.SECRET_KEY, "HS256"),
    "a login of words": lambda desk: jwt.encode(
        claims(desk, login="first"), settings.SECRET_KEY, "HS256"
    ),
    "another login": lambda desk: jwt.encode(
        claims(desk, login=10**6), settings.SECRET_KEY, "HS256"
    ),
    "too old": lambda desk: access_token(
        Login.objects.get(), now=timezone.now() - timedelta(minutes=31)
    ),
    "cut off": lambda desk: desk.tokens["access"][:-2],
    "words": lambda desk: "let me in",
}


@pytest.mark.parametrize("case", FORGED)
def test_a_token_that_is_not_ours_opens_nothing(desk, case):
    headers = {"Authorization": f"Bearer {FORGED[case](desk)}"}
    answer = Client().get("/api/members", headers=headers)
    assert refusal_of(answer) == (401, "login_ended")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc"])
def test_without_a_token_nobody_is_let_in(header):
    answer = Client().get("/api/members", headers={"Authorization": header} if header else {})
    assert refusal_of(answer) == (401, "unauthorized")


def test_a_disabled_user_is_out_at_once(desk):
    User.objects.update(is_active=False)
    assert refusal_of(desk.get("auth/me")) == (401, "login_ended")
    assert refusal_of(refresh(desk.tokens["refresh"])) == (401, "login_ended")


def test_staff_of_a_suspended_tenant_are_out_at_once():
    acme = TenantFactory()
    desk = Desk("staff", tenant=acme)
    suspend_tenant(tenant=acme)
    assert refusal_of(desk.get("auth/me")) == (401, "login_ended")


def test_a_login_is_never_repeated_for_a_key(desk):
    key = {"headers": {"Idempotency-Key": "k"}}
    first, second = (log_in(Client(), desk.user.username, **key) for _ in range(2))
    assert data_of(first)["refresh"] != data_of(second)["refresh"]
    assert not IdempotencyKey.objects.exists()


def test_logging_out_ends_both_tokens(desk):
    assert data_of(desk.post("auth/logout")) is None
    assert refusal_of(desk.get("auth/me")) == (401, "login_ended")
    assert refusal_of(refresh(desk.tokens["refresh"])) == (401, "login_ended")


def test_a_new_password_ends_the_other_logins(desk):
    other = log_in(Client(), desk.user.username).json()["data"]
    wrong = desk.post("auth/change-password", old_password="no", new_password="a new long one")
    assert refusal_of(wrong) == (400, "bad_input")
    assert wrong.json()["context"]["field"] == "old_password"
    weak = desk.post("auth/change-password", old_password=PASSWORD, new_password="12345678")
    assert weak.json()["context"]["field"] == "new_password"
    done = desk.post("auth/change-password", old_password=PASSWORD, new_password="a new long one")
    assert data_of(done) is None
    assert data_of(desk.get("auth/me"))
    assert refusal_of(refresh(other["refresh"])) == (401, "login_ended")
    assert refusal_of(log_in(Client(), desk.user.username)) == (401, "wrong_credentials")
    assert log_in(Client(), desk.user.username, "a new long one").status_code == 200
