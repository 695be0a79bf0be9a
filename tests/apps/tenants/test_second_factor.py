"""A code of this half minute, once; who must have one goes nowhere without."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from django.test import Client
from django.utils import timezone

from apps.core.errors import Conflict
from apps.core.models import AuditEntry
from apps.tenants.errors import SecondFactorMissing, SecondFactorNeeded, WrongCode
from apps.tenants.models import LoginFailure, RecoveryCode, User
from apps.tenants.services import (
    begin_second_factor,
    check_second_factor,
    confirm_second_factor,
    reset_second_factor,
)
from apps.tenants.services.second_factor import SECRET
from tests.apps.platform.desk import log_in
from tests.at_once import at_once
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

# The beginning of a step.
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=30)


def code_of(user, now=NOW):
    user.refresh_from_db()
    return pyotp.TOTP(SECRET.unseal(user)).at(now)


def enrolled(now=NOW, **user):
    user = UserFactory(**user)
    begin_second_factor(user=user)
    user.words = confirm_second_factor(user=user, code=code_of(user, now), now=now)
    return user


def test_it_counts_once_a_code_was_shown_and_is_audited():
    user = UserFactory()
    address = begin_second_factor(user=user)
    assert address.startswith("otpauth://totp/IronBull:")
    # Looked at again, it is the same secret.
    assert begin_second_factor(user=user) == address
    with pytest.raises(WrongCode):
        confirm_second_factor(user=user, code="000000", now=NOW)
    check_second_factor(user=user, code="", now=NOW)
    words = confirm_second_factor(user=user, code=code_of(user), now=NOW)
    assert len(set(words)) == 10
    assert not RecoveryCode.objects.filter(hash__in=words).exists()
    assert AuditEntry.objects.filter(action="second_factor.confirmed").count() == 1
    with pytest.raises(Conflict):
        begin_second_factor(user=user)
    with pytest.raises(SecondFactorNeeded):
        check_second_factor(user=user, code=" ", now=NOW)


@pytest.mark.parametrize(
    ("case", "steps", "is_good"),
    [("early", -1, True), ("late", 1, True), ("too early", -2, False), ("too late", 2, False)],
)
def test_a_clock_may_be_one_step_off(case, steps, is_good):
    user, now = enrolled(), NOW + 20 * STEP
    code = code_of(user, now + steps * STEP)
    if is_good:
        check_second_factor(user=user, code=code, now=now)
    else:
        with pytest.raises(WrongCode):
            check_second_factor(user=user, code=code, now=now)


def test_a_code_is_good_once_and_none_before_it():
    user, now = enrolled(), NOW + 20 * STEP
    code, before = code_of(user, now), code_of(user, now - STEP)
    check_second_factor(user=user, code=f" {code[:3]} {code[3:]} ", now=now)
    user.refresh_from_db()
    for used in (code, before):
        with pytest.raises(WrongCode):
            check_second_factor(user=user, code=used, now=now)
    check_second_factor(user=user, code=code_of(user, now + STEP), now=now + STEP)


@pytest.mark.django_db(transaction=True)
def test_of_two_with_one_code_at_once_one_is_let_in():
    user, now = enrolled(), NOW + 20 * STEP
    code = code_of(user, now)
    copies = [User.objects.get(pk=user.pk) for _ in range(2)]
    told = at_once(2, lambda copy: check_second_factor(user=copy, code=code, now=now), copies)
    assert sorted(type(each).__name__ for each in told) == ["NoneType", "WrongCode"]


def test_a_recovery_code_stands_in_once():
    user = enrolled()
    check_second_factor(user=user, code=user.words[0].upper(), now=NOW)
    with pytest.raises(WrongCode):
        check_second_factor(user=user, code=user.words[0], now=NOW)
    with pytest.raises(WrongCode):
        check_second_factor(user=enrolled(username="other"), code=user.words[1], now=NOW)


def test_a_reset_forgets_everything():
    user = enrolled()
    reset_second_factor(user=user)
    user.refresh_from_db()
    check_second_factor(user=user, code="", now=NOW)
    assert not user.recovery_codes.exists()


@pytest.mark.parametrize(
    ("role", "must"), [("owner", True), ("finance", True), ("operator", False), ("support", False)]
)
def test_who_moves_money_or_owns_the_platform_must_have_one(settings, role, must):
    settings.SECOND_FACTOR = True
    user = UserFactory(role=role, tenant=None)
    if must:
        with pytest.raises(SecondFactorMissing):
            check_second_factor(user=user, code="", now=NOW)
    else:
        check_second_factor(user=user, code="", now=NOW)
    settings.SECOND_FACTOR = False
    check_second_factor(user=user, code="", now=NOW)


def test_the_json_door_asks_for_the_code_and_guesses_lock_the_name():
    now = timezone.now()
    user = enrolled(now - timedelta(hours=1), username="ann")
    assert log_in(Client(), "ann").json()["code"] == "second_factor_needed"
    for _ in range(5):
        wrong = log_in(Client(), "ann", code="000000")
        assert wrong.json()["code"] == "wrong_code"
    assert log_in(Client(), "ann", code=code_of(user, now)).status_code == 429
    LoginFailure.objects.all().delete()
    assert log_in(Client(), "ann", code=code_of(user, timezone.now())).status_code == 200


def test_the_admin_leads_to_the_second_factor_and_nowhere_else_before(settings):
    settings.SECOND_FACTOR = True
    user = UserFactory(role="owner", tenant=None, is_superuser=True, is_staff=True)
    client = Client()
    client.post("/admin/login/", {"username": user.username, "password": PASSWORD})
    here = "/admin/second-factor/"
    for path in ("/admin/", "/admin/members/member/", "/admin/money/"):
        assert client.get(path).headers["Location"] == here
    shown = client.get(here).content.decode()
    user.refresh_from_db()
    assert SECRET.unseal(user) in shown
    assert "<svg" in shown
    wrong = client.post(here, {"code": "000000"})
    assert "code" in wrong.context["form"].errors
    done = client.post(here, {"code": code_of(user, timezone.now())})
    assert len(done.context["words"]) == 10
    assert client.get("/admin/").status_code == 200
    # Another browser shows a code, and never the secret.
    again = Client()
    again.force_login(user)
    assert SECRET.unseal(user) not in again.get(here).content.decode()
    assert again.get("/admin/").headers["Location"] == here
    assert again.post(here, {"code": done.context["words"][0]}).status_code == 302
    assert again.get("/admin/").status_code == 200


def test_who_has_none_and_needs_none_goes_on():
    client = Client()
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    assert client.get("/admin/").status_code == 200
