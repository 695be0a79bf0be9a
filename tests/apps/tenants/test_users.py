"""Users in the admin: an owner's to change, and nobody is left where they should be out."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.tenants.models import AppKey, Login, LoginFailure, User
from apps.tenants.services import change_password, change_user, disable_user, remove_second_factor
from tests.apps.platform.desk import log_in
from tests.apps.tenants.test_second_factor import enrolled
from tests.at_once import at_once
from tests.factories import PASSWORD, LoginFactory, TenantFactory, UserFactory

pytestmark = pytest.mark.django_db
NEW = "another horse battery"


def owner(**about):
    return UserFactory(tenant=None, role="owner", is_superuser=True, **about)


@pytest.fixture
def boss(client):
    client.force_login(owner(username="boss"))
    client.get("/admin/logins/")
    return client


def at(name, *args):
    return reverse(f"admin:tenants_user_{name}", args=args)


def act(client, model, action, *rows):
    chosen = {"action": action, "_selected_action": [row.pk for row in rows], "confirmed": "yes"}
    return client.post(reverse(f"admin:tenants_{model}_changelist"), chosen, follow=True)


def test_an_owner_makes_and_changes_users(boss):
    asked = {"username": "ann", "email": "ann@example.com", "role": "support", "tenant": ""}
    weak = boss.post(at("add"), asked | {"password": "password"})
    assert "password" in weak.context["adminform"].form.errors
    boss.post(at("add"), asked | {"password": NEW})
    ann = User.objects.get(username="ann")
    assert (ann.role, ann.is_superuser, ann.check_password(NEW)) == ("support", False, True)
    login = LoginFactory(user=ann)
    boss.post(at("change", ann.pk), {"email": "ann@example.org", "role": "owner"})
    ann.refresh_from_db()
    login.refresh_from_db()
    assert (ann.email, ann.role, ann.is_superuser) == ("ann@example.org", "owner", True)
    assert login.ended_because == "another role"
    told = AuditEntry.objects.get(action="user.changed")
    assert (told.before["role"], told.after["role"]) == ("support", "owner")


def test_a_role_fits_the_user(boss):
    staff = UserFactory(tenant=TenantFactory(), role="staff")
    answer = boss.post(at("change", staff.pk), {"email": "", "role": "owner"})
    assert "role" in answer.context["adminform"].form.errors
    staff.refresh_from_db()
    assert (staff.role, staff.is_superuser) == ("staff", False)


@pytest.mark.parametrize("role", ["operator", "finance", "support", ""])
def test_nobody_else_changes_users(client, role):
    clerk = UserFactory(tenant=None, role=role)
    clerk.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    client.force_login(clerk)
    bob = owner(username="bob")
    kept = bob.password
    password = reverse("admin:auth_user_password_change", args=[bob.pk])
    passwords = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    for address, asked in (
        (at("change", clerk.pk), {"email": "", "role": "owner"}),
        (at("change", bob.pk), {"email": "", "role": "support"}),
        (at("add"), {"username": "x", "role": "owner", "password": NEW}),
        (password, passwords),
    ):
        assert client.post(address, asked).status_code == 403
    act(client, "user", "disable", bob)
    bob.refresh_from_db()
    clerk.refresh_from_db()
    assert (bob.role, bob.is_active, bob.password, clerk.role) == ("owner", True, kept, role)


def test_the_last_owner_stays(boss):
    last = User.objects.get()
    with pytest.raises(Conflict):
        disable_user(user=last)
    with pytest.raises(Conflict):
        change_user(user=last, email="", role="support")
    # A tenant's own, who may do everything there, is no owner of the platform.
    disable_user(user=UserFactory(is_superuser=True))
    with pytest.raises(Conflict):
        disable_user(user=last)


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_disabled_at_once_one_stays():
    owners = [owner(), owner()]
    told = at_once(2, lambda user: disable_user(user=user), owners)
    assert sorted(type(each).__name__ for each in told) == ["Conflict", "NoneType"]
    assert User.objects.filter(is_active=True).count() == 1


def test_who_is_disabled_in_the_admin_is_out_everywhere(boss):
    login = LoginFactory(user=UserFactory(tenant=None, role="support"))
    act(boss, "user", "disable", login.user)
    login.refresh_from_db()
    assert login.ended_because == "user disabled"
    act(boss, "user", "enable", login.user)
    login.user.refresh_from_db()
    assert login.user.is_active


def test_a_password_given_by_an_owner_ends_logins_and_is_audited_and_not_told(boss):
    login = LoginFactory(user=UserFactory())
    bob = login.user
    address = reverse("admin:auth_user_password_change", args=[bob.pk])
    boss.post(address, {"password1": NEW, "password2": NEW, "usable_password": "true"})
    bob.refresh_from_db()
    login.refresh_from_db()
    assert bob.check_password(NEW)
    assert login.ended_because == "password changed"
    entry = AuditEntry.objects.get(action="user.password_changed")
    assert (entry.subject, entry.before, entry.after) == (f"tenants.user:{bob.pk}", None, None)


def test_ones_own_password_ends_every_other_login(boss):
    me = User.objects.get()
    other = LoginFactory(user=me)
    asked = {"old_password": PASSWORD, "new_password": NEW, "again": NEW}
    wrong = boss.post("/admin/password_change/", asked | {"old_password": "no"})
    assert "old_password" in wrong.context["form"].errors
    differ = boss.post("/admin/password_change/", asked | {"again": "other"})
    assert "again" in differ.context["form"].errors
    assert boss.post("/admin/password_change/", asked).status_code == 302
    me.refresh_from_db()
    other.refresh_from_db()
    assert me.check_password(NEW)
    assert other.ended_because == "password changed"
    assert boss.get("/admin/").status_code == 200
    assert reverse("admin:password_change") == "/admin/password_change/"


def test_wrong_old_passwords_are_counted():
    user = UserFactory(username="ann")

    def change(old):
        now = timezone.now()
        change_password(user=user, old=old, new=NEW, keep=None, source="203.0.113.7", now=now)

    for _ in range(5):
        with pytest.raises(BadInput):
            change("wrong")
    assert log_in(Client(), "ann").status_code == 429
    assert User.objects.get().check_password(PASSWORD)


def test_a_reset_ends_logins_and_the_mark_of_the_page(boss):
    user = enrolled(timezone.now(), tenant=None, role="support", username="ann")
    page = Client()
    page.post("/admin/login/", {"username": "ann", "password": PASSWORD})
    page.post("/admin/second-factor/", {"code": user.words[0]})
    assert page.get("/admin/").status_code == 200
    act(boss, "user", "reset_factor", user)
    assert page.get("/admin/").headers["Location"].startswith("/admin/login/")
    user.refresh_from_db()
    assert user.totp_since is None


def test_an_owner_ends_anothers_login_and_support_does_not(boss, client):
    login = LoginFactory(user=UserFactory(tenant=None, role="operator"))
    other = Client()
    other.force_login(UserFactory(tenant=None, role="support"))
    act(other, "login", "end", login)
    login.refresh_from_db()
    assert login.ended_at is None
    act(boss, "login", "end", login)
    login.refresh_from_db()
    assert login.ended_because == "ended by staff"


def test_a_second_factor_is_removed_by_password_and_code():
    now = timezone.now()
    user = enrolled(now, tenant=None, role="operator", username="ann")
    page = Client()
    page.post("/admin/login/", {"username": "ann", "password": PASSWORD})
    page.post("/admin/second-factor/", {"code": user.words[0]})
    address = "/admin/second-factor/remove/"
    asked = {"password": PASSWORD, "code": user.words[1]}
    for changed, field in (({"password": "x"}, "password"), ({"code": "000000"}, "code")):
        answer = page.post(address, asked | changed)
        assert field in answer.context["form"].errors
    assert page.post(address, asked).status_code == 302
    user.refresh_from_db()
    assert user.totp_since is None


def test_who_must_have_a_second_factor_keeps_it(settings):
    settings.SECOND_FACTOR = True
    now = timezone.now()
    user = enrolled(now, tenant=None, role="finance")
    with pytest.raises(Conflict):
        remove_second_factor(user=user, password=PASSWORD, code=user.words[0], source="", now=now)
    assert user.recovery_codes.filter(used_at=None).count() == 10


def test_recovery_codes_have_eighty_bits_and_are_read_without_their_lines():
    now = timezone.now()
    user = enrolled(now, username="ann")
    word = user.words[0]
    assert len(word.replace("-", "")) == 20
    assert log_in(Client(), "ann", code=word.replace("-", " ").upper()).status_code == 200


def test_a_locked_name_is_told_so_on_the_page(db):
    UserFactory(username="ann")
    for _ in range(5):
        Client().post("/admin/login/", {"username": "ann", "password": "wrong"})
    page = Client().post("/admin/login/", {"username": "ann", "password": PASSWORD})
    assert "15 minutes" in page.content.decode()
    assert LoginFailure.objects.count() == 5


def test_a_network_of_the_sixth_version_counts_as_one_address():
    UserFactory(username="ann")
    for number in range(30):
        source = f"2001:db8::{number:x}"
        log_in(Client(), f"user{number}", "wrong", REMOTE_ADDR=source)
    assert log_in(Client(), "ann", REMOTE_ADDR="2001:db8::ffff").status_code == 429
    assert log_in(Client(), "ann", REMOTE_ADDR="2001:db8:0:1::1").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_guesses_at_once_are_no_more_than_guesses_in_a_line():
    UserFactory(username="ann")
    checked = at_once(20, lambda n: log_in(Client(), "ann", f"wrong{n}").status_code, range(20))
    assert LoginFailure.objects.count() <= 5
    assert AuditEntry.objects.filter(action="login.failed").count() <= 5
    assert set(checked) <= {401, 429}


def test_twenty_wrong_tries_a_day_lock_the_name():
    UserFactory(username="ann")
    long_ago = timezone.now() - timedelta(hours=2)
    for _ in range(20):
        LoginFailure.objects.create(username="ann", source="203.0.113.9")
    LoginFailure.objects.update(created_at=long_ago)
    locked = log_in(Client(), "ann")
    assert locked.status_code == 429
    assert int(locked.headers["Retry-After"]) > 70_000


def test_an_operator_gives_no_key_what_is_an_owners(client):
    client.force_login(UserFactory(tenant=None, role="operator"))
    tenant = TenantFactory()
    asked = {"tenant": tenant.pk, "name": "server", "allowed": ""}
    address = reverse("admin:tenants_appkey_add")
    for scope in ("money", "secrets:read"):
        answer = client.post(address, asked | {"scopes": ["read", scope]})
        assert "scopes" in answer.context["adminform"].form.errors
    assert not AppKey.objects.of(tenant).exists()
    client.post(address, asked | {"scopes": ["read"]})
    assert AppKey.objects.of(tenant).get().scopes == ["read"]


def test_a_login_page_is_no_way_round_under_a_prefix(settings):
    settings.SECOND_FACTOR = True
    page = Client()
    page.force_login(owner())
    answer = page.get("/admin/", SCRIPT_NAME="/desk")
    assert answer.status_code == 302
    assert Login.objects.count() == 1
