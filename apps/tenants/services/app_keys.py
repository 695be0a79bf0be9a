"""App keys are made, changed, rotated and revoked; a secret is told once, to whoever made it."""

import ipaddress
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.core.memory import changed
from apps.core.states import move
from apps.tenants.models import AppKey, Tenant

# Who may come in: stamped when a key, a tenant or its plan changes.
ACCESS = "access"
SECRET = AppKey._meta.get_field("secret")
# What a tenant's first key may do; to see venue accounts' keys is asked for by name.
USUAL_SCOPES = (AppKey.Scope.READ, AppKey.Scope.WRITE, AppKey.Scope.MONEY)
LONGEST_NAME, MOST_NETWORKS, MOST_KEYS = 64, 50, 50
LONGEST_OVERLAP = timedelta(days=30)
NOTED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Made:
    """An app key, and the secret that nobody is told again."""

    app_key: AppKey
    secret: str


@retried
@transaction.atomic
def create_app_key(
    *,
    tenant: Tenant,
    name: str,
    scopes: Iterable[str] = USUAL_SCOPES,
    networks: Iterable[str] = (),
    is_legacy: bool = False,
) -> Made:
    """Let a tenant's server in, with these scopes, from these networks."""
    name, scopes, networks = checked_name(name), checked_scopes(scopes), checked_networks(networks)
    # The tenant's row is the lock: of two at once the second counts the first one's.
    tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
    keys = AppKey.objects.of(tenant)
    # One that was followed by another is on its way out.
    if keys.filter(status=AppKey.Status.ACTIVE, expires_at=None).count() >= MOST_KEYS:
        raise Conflict(f"a tenant has at most {MOST_KEYS} app keys that are not revoked")
    row = AppKey(
        tenant=tenant,
        key=secrets.token_hex(16),
        name=name,
        scopes=scopes,
        networks=networks,
        is_legacy=is_legacy,
    )
    secret = secrets.token_hex(32)
    SECRET.seal(row, secret)
    row.save()
    changed(ACCESS)
    audit.record("app_key.created", row, after=told(row))
    return Made(row, secret)


@retried
@transaction.atomic
def change_app_key(
    *,
    app_key: AppKey,
    name: str | None = None,
    scopes: Iterable[str] | None = None,
    networks: Iterable[str] | None = None,
    is_legacy: bool | None = None,
) -> AppKey:
    """Give a key another name, other scopes, networks or signature; what is None stays."""
    row = locked(app_key)
    before = told(row)
    row.name = row.name if name is None else checked_name(name)
    row.scopes = row.scopes if scopes is None else checked_scopes(scopes)
    row.networks = row.networks if networks is None else checked_networks(networks)
    row.is_legacy = row.is_legacy if is_legacy is None else is_legacy
    if told(row) != before:
        row.save(update_fields=["name", "scopes", "networks", "is_legacy"])
        changed(ACCESS)
        audit.record("app_key.changed", row, before=before, after=told(row))
    return row


@retried
@transaction.atomic
def rotate_app_key(*, app_key: AppKey, overlap: timedelta, now: datetime) -> Made:
    """A new key like this one; this one stays good for the overlap, and is revoked by it then."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise BadInput(f"the overlap is from 0 to {LONGEST_OVERLAP.days} days", field="overlap")
    row = locked(app_key)
    if row.status != AppKey.Status.ACTIVE or row.expires_at is not None:
        raise Conflict("this key was revoked or rotated already", status=row.status)
    row.expires_at = now + overlap
    row.save(update_fields=["expires_at"])
    changed(ACCESS)
    made = create_app_key(
        tenant=row.tenant,
        name=row.name,
        scopes=row.scopes,
        networks=row.networks,
        is_legacy=row.is_legacy,
    )
    about = {"good_until": row.expires_at, "followed_by": made.app_key.key}
    audit.record("app_key.rotated", row, after=about)
    return made


@retried
@transaction.atomic
def revoke_app_key(*, app_key: AppKey) -> None:
    """From now on it opens nothing; it cannot be given back."""
    row = locked(app_key)
    move(row, to=AppKey.Status.REVOKED, allowed=AppKey.MOVES)
    changed(ACCESS)
    audit.record("app_key.revoked", row, after=told(row))
    app_key.refresh_from_db()


def locked(app_key: AppKey) -> AppKey:
    rows = AppKey.objects.of(app_key.tenant_id).select_for_update().select_related("tenant")
    return rows.get(pk=app_key.pk)


def checked_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise BadInput(f"a name has 1 to {LONGEST_NAME} characters", field="name")
    return name


def checked_scopes(scopes: Iterable[str]) -> list[str]:
    asked = set(scopes)
    unknown = sorted(asked - set(AppKey.Scope.values))
    if unknown:
        raise BadInput(f"{unknown[0]!r} is no scope"[:200], field="scopes")
    if not asked:
        raise BadInput("a key without a scope opens nothing", field="scopes")
    return [scope for scope in AppKey.Scope.values if scope in asked]


def checked_networks(networks: Iterable[str]) -> list[str]:
    found: Sequence[str] = [str(network).strip() for network in networks]
    if len(found) > MOST_NETWORKS:
        raise BadInput(f"a key has at most {MOST_NETWORKS} networks", field="networks")
    try:
        return [str(ipaddress.ip_network(network)) for network in found]
    except ValueError as error:
        raise BadInput(f"not a network: {error}"[:200], field="networks") from error


def told(row: AppKey) -> dict[str, object]:
    """What the audit trail may know of a key."""
    return {
        "key": row.key,
        "name": row.name,
        "scopes": row.scopes,
        "networks": row.networks,
        "is_legacy": row.is_legacy,
        "status": row.status,
    }


# When each key's use was last written down by this process.
_noted: dict[int, float] = {}


def note_use(*, app_key_id: int, now: datetime) -> None:
    """Stamp a key as used, at most once a minute: a call costs no write of its own."""
    moment = now.timestamp()
    if moment - _noted.get(app_key_id, 0) < NOTED_SECONDS:
        return
    _noted[app_key_id] = moment
    AppKey.objects.across_tenants().filter(pk=app_key_id).update(last_used_at=now)
