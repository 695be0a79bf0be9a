"""Users are made, given a role, disabled and enabled."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.tenants.models import Tenant, User
from apps.tenants.services.logins import end


@retried
@transaction.atomic
def create_user(
    *, username: str, password: str, role: str, email: str = "", tenant: Tenant | None = None
) -> User:
    """Let somebody log in, in a role of the platform, or as staff of a tenant."""
    if role not in User.Role.values or role == User.Role.CUSTOM:
        raise BadInput(f"{role[:32]!r} is no role", field="role")
    if (role == User.Role.STAFF) != (tenant is not None):
        raise BadInput("staff belong to a tenant, and nobody else does", field="tenant_id")
    user = User(
        username=username.strip(),
        email=email.strip(),
        role=role,
        tenant=tenant,
        is_staff=True,
        is_superuser=role == User.Role.OWNER,
    )
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise BadInput(" ".join(error.messages), field="password") from error
    user.set_password(password)
    try:
        user.clean_fields()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadInput(f"{field}: {' '.join(reasons)}", field=field) from error
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise Conflict("a user of this name exists already", field="username") from error
    audit.record("user.created", user, after=told(user), tenant=tenant)
    return user


@retried
@transaction.atomic
def disable_user(*, user: User) -> None:
    """Let somebody in no more; whatever they are logged in with ends."""
    row = User.objects.select_for_update().get(pk=user.pk)
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=row.pk)
    if row.is_superuser and not others.exists():
        raise Conflict("the last owner is not disabled", user=row.pk)
    if not row.is_active:
        return
    User.objects.filter(pk=row.pk).update(is_active=False)
    for login in row.logins.filter(ended_at=None):
        end(login=login, now=timezone.now(), because="user disabled")
    audit.record("user.disabled", row, tenant=row.tenant)


@retried
@transaction.atomic
def enable_user(*, user: User) -> None:
    if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        audit.record("user.enabled", user, tenant=user.tenant)


def told(user: User) -> dict[str, object]:
    return {"username": user.username, "email": user.email, "role": user.role}
