"""Logging in, staying, and leaving."""

from datetime import datetime

from django.utils import timezone
from msgspec import Struct

from apps.core.face import found
from apps.core.middleware import address_of
from apps.platform.face import ANYBODY, SOMEBODY, Asked, Id, Visitor, face
from apps.platform.tokens import LIFETIME, access_token
from apps.tenants import services
from apps.tenants.models import Login, User


class LogIn(Asked):
    username: str
    password: str
    # Of the second factor, or a recovery code, where there is one.
    code: str = ""


class Tokens(Struct):
    access: str
    refresh: str
    expires_in_seconds: int


@face.call("POST", "api/auth/login", scope=ANYBODY)
def log_in(visitor: Visitor, asked: LogIn) -> Tokens:
    """A short access token, and a refresh token that is good once."""
    now, request = timezone.now(), visitor.request
    user = services.sign_in(
        request=request,
        username=asked.username.strip(),
        password=asked.password,
        code=asked.code,
        now=now,
    )
    stay = services.start_login(
        user=user,
        source=address_of(request),
        program=request.headers.get("User-Agent", ""),
        now=now,
    )
    return tokens(stay.login, stay.refresh)


class Refresh(Asked):
    refresh: str


@face.call("POST", "api/auth/refresh", scope=ANYBODY)
def refresh(visitor: Visitor, asked: Refresh) -> Tokens:
    """New tokens for a refresh token. One that comes a second time ends the login."""
    stay = services.refresh_login(refresh=asked.refresh, now=timezone.now())
    return tokens(stay.login, stay.refresh)


def tokens(login: Login, refresh: str) -> Tokens:
    access = access_token(login, now=timezone.now())
    return Tokens(access, refresh, int(LIFETIME.total_seconds()))


class Nothing(Asked):
    pass


@face.call("POST", "api/auth/logout", scope=SOMEBODY)
def log_out(visitor: Visitor, asked: Nothing) -> None:
    """End this login: neither of its tokens is good from now on."""
    services.end_login(login=visitor.login, now=timezone.now())


class Me(Struct):
    id: int
    username: str
    email: str
    role: str
    tenant_id: int | None
    is_superuser: bool


@face.call("GET", "api/auth/me", scope=SOMEBODY)
def me(visitor: Visitor, asked: Nothing) -> Me:
    """Who is logged in."""
    return told(visitor.user)


def told(user: User) -> Me:
    return Me(
        id=user.pk,
        username=user.get_username(),
        email=user.email,
        role=user.role,
        tenant_id=user.tenant_id,
        is_superuser=user.is_superuser,
    )


class LoginLine(Struct):
    id: int
    kind: str
    source: str
    program: str
    created_at: datetime
    seen_at: datetime
    is_this: bool


@face.call("GET", "api/auth/logins", scope=SOMEBODY)
def my_logins(visitor: Visitor, asked: Nothing) -> list[LoginLine]:
    """Where one is logged in, the latest first."""
    return [
        LoginLine(
            id=login.pk,
            kind=login.kind,
            source=login.source,
            program=login.program,
            created_at=login.created_at,
            seen_at=login.seen_at,
            is_this=login.pk == visitor.login.pk,
        )
        for login in visitor.user.logins.filter(ended_at=None, expires_at__gt=timezone.now())
    ]


class EndLogin(Asked):
    login_id: Id


@face.call("POST", "api/auth/logins/<int:login_id>/end", scope=SOMEBODY)
def end_mine(visitor: Visitor, asked: EndLogin) -> None:
    """End one of one's own logins."""
    mine = found(visitor.user.logins.all(), what="login", pk=asked.login_id)
    services.end_login(login=mine, now=timezone.now(), because="ended by its user")


class Setup(Struct):
    # As authenticators read it; it counts once a code of it was shown.
    address: str


@face.call("POST", "api/auth/second-factor", scope=SOMEBODY, tells_secret=True)
def begin_factor(visitor: Visitor, asked: Nothing) -> Setup:
    """A second factor of one's own, to be confirmed with its first code."""
    return Setup(services.begin_second_factor(user=visitor.user))


class Confirm(Asked):
    code: str


class Recovery(Struct):
    # Each stands in once for a device that was lost; told once.
    codes: list[str]


@face.call("POST", "api/auth/second-factor/confirm", scope=SOMEBODY, tells_secret=True)
def confirm_factor(visitor: Visitor, asked: Confirm) -> Recovery:
    """Show that the device makes the right codes: they are asked for from the next login on."""
    codes = services.confirm_second_factor(user=visitor.user, code=asked.code, now=timezone.now())
    return Recovery(codes)


class RemoveFactor(Asked):
    password: str
    code: str


@face.call("POST", "api/auth/second-factor/remove", scope=SOMEBODY)
def remove_factor(visitor: Visitor, asked: RemoveFactor) -> None:
    """Go without a second factor, where one's role may."""
    services.remove_second_factor(
        user=visitor.user,
        password=asked.password,
        code=asked.code,
        source=address_of(visitor.request),
        now=timezone.now(),
    )


class ChangePassword(Asked):
    old_password: str
    new_password: str


@face.call("POST", "api/auth/change-password", scope=SOMEBODY)
def change_password(visitor: Visitor, asked: ChangePassword) -> None:
    """Another password; the user's other logins end."""
    services.change_password(
        user=visitor.user,
        old=asked.old_password,
        new=asked.new_password,
        keep=visitor.login,
        source=address_of(visitor.request),
        now=timezone.now(),
    )
