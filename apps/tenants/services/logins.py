"""Logging in: a stay in the pages or at the JSON door, which is renewed, and ended.

A refresh word is good once. One that comes a second time was copied: the login ends.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput
from apps.core.middleware import address_of
from apps.tenants.errors import LoginEnded, WrongCredentials
from apps.tenants.models import Login, LoginFailure, Tenant, User
from apps.tenants.services.second_factor import show_second_factor
from apps.tenants.services.tries import LONGEST_SPAN, prove_password, refuse_locked

LONGEST_STAY = timedelta(days=14)
KEPT = timedelta(days=90)
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stay:
    """A login, and the refresh word that nobody is told again."""

    login: Login
    refresh: str


def sign_in(*, request, username: str, password: str, code: str = "", now: datetime) -> User:
    """The user whose name, password and second factor these are; who is locked out is told so."""
    refuse_locked(username=username, source=address_of(request), now=now)
    user = authenticate(request, username=username, password=password)
    if user is None:
        raise WrongCredentials("the user name or the password is wrong")
    show_second_factor(user=user, code=code, source=address_of(request), now=now)
    return user


@transaction.atomic
def start_login(*, user: User, source: str, program: str, now: datetime) -> Stay:
    """Let a program stay, with a refresh word of its own."""
    family, word = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
    login = started(
        user,
        now,
        kind=Login.Kind.PROGRAM,
        source=source,
        program=program[:200],
        refresh_hash=hash_of(word),
        family_hash=hash_of(family),
    )
    return Stay(login, f"{login.pk}.{family}.{word}")


@transaction.atomic
def start_page_login(*, user: User, source: str, program: str, now: datetime) -> Login:
    """Note that a browser stays; its session ends with this login."""
    return started(user, now, kind=Login.Kind.PAGES, source=source, program=program[:200])


def started(user: User, now: datetime, **about: str) -> Login:
    row = User.objects.select_for_update().get(pk=user.pk)
    if row.password != user.password or not may_stay(row):
        # It was changed while this one was being checked, and all logins ended.
        raise WrongCredentials("the user name or the password is wrong")
    login = Login.objects.create(user=user, seen_at=now, expires_at=now + LONGEST_STAY, **about)
    User.objects.filter(pk=user.pk).update(last_login=now)
    audit.record("login.started", user, after={"login": login.pk}, tenant=user.tenant)
    return login


def note_seen(*, login: Login, now: datetime) -> None:
    """Write down that a login was used, once a minute at most."""
    if now - login.seen_at >= SEEN_EVERY:
        Login.objects.filter(pk=login.pk).update(seen_at=now)


def refresh_login(*, refresh: str, now: datetime) -> Stay:
    """Another refresh word for this one, which is good no more."""
    renewed = renew(refresh, now)
    if renewed is None:
        raise LoginEnded("the refresh token is not good any more: log in again")
    return renewed


@retried
@transaction.atomic
def renew(refresh: str, now: datetime) -> Stay | None:
    number, _dot, words = refresh.partition(".")
    family, _dot, word = words.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    rows = Login.objects.select_for_update().filter(kind=Login.Kind.PROGRAM)
    login = rows.filter(pk=int(number), ended_at=None, expires_at__gt=now).first()
    if login is None or not may_stay(login.user):
        return None
    if not hmac.compare_digest(login.family_hash, hash_of(family)):
        # A guess ends nobody's login.
        return None
    if not hmac.compare_digest(login.refresh_hash, hash_of(word)):
        # A copy of an older word: whoever has the good one logs in again.
        end(login=login, now=now, because="reused")
        return None
    fresh = secrets.token_urlsafe(32)
    Login.objects.filter(pk=login.pk).update(refresh_hash=hash_of(fresh), seen_at=now)
    return Stay(login, f"{login.pk}.{family}.{fresh}")


def login_of(*, login_id: int, now: datetime) -> Login:
    """The login as it is now, with its user; one that ended is refused."""
    rows = Login.objects.select_related("user__tenant").filter(pk=login_id, ended_at=None)
    login = rows.first()
    if login is None or login.expires_at <= now or not may_stay(login.user):
        raise LoginEnded("the login ended: log in again")
    return login


def may_stay(user: User) -> bool:
    of_active = user.tenant_id is None or user.tenant.status == Tenant.Status.ACTIVE
    return user.is_active and of_active


@transaction.atomic
def end_login(*, login: Login, now: datetime, because: str = "logged out") -> None:
    end(login=login, now=now, because=because)


def end(*, login: Login, now: datetime, because: str) -> None:
    alive = Login.objects.filter(pk=login.pk, ended_at=None)
    if alive.update(ended_at=now, ended_because=because):
        audit.record("login.ended", login.user, after={"login": login.pk, "because": because})


def change_password(
    *, user: User, old: str, new: str, keep: Login | None, source: str, now: datetime
) -> None:
    """Another password, for who knows the old one; the user's other logins end."""
    told = "the old password is wrong"
    prove_password(user=user, password=old, field="old_password", told=told, source=source, now=now)
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise BadInput(" ".join(error.messages), field="new_password") from error
    user.set_password(new)
    keep_password(user=user, keep=keep, now=now)


@retried
@transaction.atomic
def keep_password(*, user: User, keep: Login | None, now: datetime) -> None:
    """Write down the password that a user was just given; whoever knew the old one is out."""
    user.save(update_fields=["password"])
    end_all(user=user, now=now, because="password changed", keep=keep)
    audit.record("user.password_changed", user, tenant=user.tenant)


def end_all(*, user: User, now: datetime, because: str, keep: Login | None = None) -> None:
    for login in user.logins.filter(ended_at=None):
        if keep is None or login.pk != keep.pk:
            end(login=login, now=now, because=because)


def prune_logins(*, now: datetime) -> None:
    """Forget stays that ended long ago, and tries that lock nobody any more."""
    Login.objects.filter(expires_at__lt=now - KEPT).delete()
    LoginFailure.objects.filter(created_at__lt=now - LONGEST_SPAN).delete()


def hash_of(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
