"""Tenants are opened with their root member; members join below their inviter, and move."""

import secrets
from dataclasses import dataclass

from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict, NotAllowed
from apps.core.states import move
from apps.ledger.models import Account
from apps.ledger.services import open_accounts
from apps.members.errors import WrongPassword
from apps.members.models import Level, Member
from apps.members.selectors import member_with
from apps.quotas.models import Plan
from apps.quotas.services import assign_plan, refuse_full
from apps.tenants.models import Tenant
from apps.tenants.services import create_app_key, set_policy, tell
from apps.tenants.services.app_keys import Made
from apps.tenants.services.tenants import checked_name
from apps.tenants.services.tries import begin_try, fail_try, take_back

K = Account.Kind
TENANT_KINDS = [K.SELF, K.GIFT, K.ISSUED, K.SPENT, K.POOL, K.PAID, K.FEES]
MEMBER_KINDS = [K.SELF, K.GIFT, K.REWARD, K.HELD]
ROOT_KINDS = [*MEMBER_KINDS, K.TECH, K.RETAINED]
FIRST_LEVEL = 0
FIRST_KEY = "first key"
TRIES = 15


@dataclass(frozen=True, slots=True)
class Opened:
    """A tenant, and its first app key with the secret that nobody is told again."""

    tenant: Tenant
    first_key: Made


@retried
@transaction.atomic
def open_tenant(*, name: str, plan: Plan | None = None) -> Opened:
    """A tenant with its root member, their accounts and its first app key; on a plan, if named."""
    name = checked_name(name)
    if not Level.objects.filter(pk=FIRST_LEVEL).exists():
        raise Conflict("there are no levels yet: run manage.py load_fixtures")
    tenant = Tenant.objects.create(name=name)
    set_policy(tenant=tenant)
    open_accounts(tenant=tenant, owner=f"tenant:{tenant.pk}", kinds=TENANT_KINDS)
    root = add_member(
        tenant=tenant,
        email=f"root@tenant{tenant.pk}.local",
        hashed=make_password(None),
        inviter=None,
    )
    open_accounts(tenant=tenant, owner=root.owner, kinds=ROOT_KINDS)
    if plan:
        assign_plan(tenant=tenant, plan=plan)
    audit.record("tenant_opened", tenant, after={"name": name}, tenant=tenant)
    return Opened(tenant, create_app_key(tenant=tenant, name=FIRST_KEY))


@retried
@transaction.atomic
def create_member(*, tenant: Tenant, email: str, password: str, invite_code: str = "") -> Member:
    """A member below the one whose invite code was given, or below the root member."""
    email = checked_email(email)
    # Before anything is locked: it takes its time.
    hashed = make_password(checked_password(password))
    # Nobody moves until the line above the new member is written.
    Tenant.objects.select_for_update().get(pk=tenant.pk)
    members = Member.objects.of(tenant)
    inviter = (
        members.filter(invite_code=invite_code).first()
        if invite_code
        else members.get(root_of=tenant)
    )
    if inviter is None:
        raise BadInput("no member of this tenant has this invite code", field="invite_code")
    if members.filter(email=email).exists():
        raise Conflict("a member with this e-mail exists", field="email")
    refuse_full(tenant=tenant, limit="max_members", rows=counted(tenant))
    member = add_member(tenant=tenant, email=email, hashed=hashed, inviter=inviter)
    open_accounts(tenant=tenant, owner=member.owner, kinds=MEMBER_KINDS)
    about = {"member": member.pk, "email": email, "inviter": inviter.pk}
    tell(tenant_id=tenant.pk, name="member.created", about=about)
    audit.record("member_created", member, after={"email": email, "inviter": inviter.pk})
    return member


def counted(tenant: Tenant) -> QuerySet[Member]:
    """The members that a plan counts: who is active, without the root member."""
    return Member.objects.of(tenant).filter(status=Member.Status.ACTIVE, root_of=None)


def checked_password(password: str) -> str:
    if not 8 <= len(password) <= 128:
        raise BadInput("a password has 8 to 128 characters", field="password")
    return password


def checked_email(text: str) -> str:
    """The address in lower case: some databases hold Alice@ and alice@ for two, others for one."""
    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadInput("not an e-mail address", field="email") from error
    if len(email) > Member._meta.get_field("email").max_length:
        raise BadInput("the e-mail address is too long", field="email")
    return email


def add_member(*, tenant: Tenant, email: str, hashed: str, inviter: Member | None) -> Member:
    path = f"{inviter.path}{inviter.pk}/" if inviter else ""
    if len(path) > Member._meta.get_field("path").max_length:
        raise BadInput("the line of inviters is too long for another member", field="invite_code")
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return Member.objects.of(tenant).create(
                    email=email,
                    password=hashed,
                    invite_code=f"{secrets.randbelow(10**8):08d}",
                    inviter=inviter,
                    path=path,
                    root_of=None if inviter else tenant,
                )
        except IntegrityError:
            if Member.objects.of(tenant).filter(email=email).exists():
                raise Conflict("a member with this e-mail exists", field="email") from None
    raise Conflict("no free invite code was found; try again")


@retried
@transaction.atomic
def disable_member(*, member: Member) -> None:
    """Nothing more is opened, moved or paid for this member; what is held can still be closed."""
    if member.root_of_id:
        raise Conflict("the root member is never disabled", member=member.pk)
    change_status(member, to=Member.Status.DISABLED, action="member.disabled")


@retried
@transaction.atomic
def enable_member(*, member: Member) -> None:
    refuse_full(tenant=member.tenant, limit="max_members", rows=counted(member.tenant))
    change_status(member, to=Member.Status.ACTIVE, action="member.enabled")


def change_status(member: Member, *, to: str, action: str) -> None:
    before = Member.objects.of(member.tenant_id).select_for_update().get(pk=member.pk).status
    move(member, to=to, allowed=Member.MOVES)
    tell(tenant_id=member.tenant_id, name=action, about={"member": member.pk})
    audit.record(action, member, before={"status": before}, after={"status": to})


@retried
@transaction.atomic
def move_member(*, member: Member, inviter: Member) -> None:
    """Put a member, with all below, under another inviter of the same tenant."""
    # One move at a time in a tenant: two could make a circle that neither sees alone.
    Tenant.objects.select_for_update().get(pk=member.tenant_id)
    members = Member.objects.of(member.tenant_id)
    row, above = members.get(pk=member.pk), members.filter(pk=inviter.pk).first()
    if row.root_of_id:
        raise BadInput("the root member stands at the top", field="member")
    if above is None:
        raise BadInput("the inviter is not a member of this tenant", field="inviter")
    if above.pk == row.pk or f"/{row.pk}/" in f"/{above.path}":
        raise BadInput("the inviter stands below the member: that is a circle", field="inviter")
    if row.inviter_id == above.pk:
        return
    before, path = row.path, f"{above.path}{above.pk}/"
    below = members.filter(path__startswith=f"{before}{row.pk}/")
    longest = Member._meta.get_field("path").max_length
    for person in [row, *below.select_for_update().order_by("pk")]:
        person.path = path + person.path.removeprefix(before)
        if len(person.path) > longest:
            raise BadInput("the line of inviters would be too long", field="inviter")
        members.filter(pk=person.pk).update(path=person.path)
    members.filter(pk=row.pk).update(inviter=above)
    member.refresh_from_db()
    about = {"member": row.pk, "inviter": above.pk}
    tell(tenant_id=row.tenant_id, name="member.moved", about=about)
    audit.record("member.moved", row, before={"inviter": row.inviter_id}, after=about)


@retried
@transaction.atomic
def set_password(*, member: Member, password: str) -> None:
    hashed = make_password(checked_password(password))
    Member.objects.of(member.tenant_id).filter(pk=member.pk).update(password=hashed)
    audit.record("member.password_set", member)


def sign_in_member(*, tenant: Tenant, email: str, password: str) -> Member:
    """The active member whose e-mail and password these are; a hash of the old kind is replaced.

    Wrong passwords lock the address for a while, as they do for users.
    """
    counted = begin_try(
        username=f"member:{tenant.pk}:{email.strip()}", source="", now=timezone.now()
    )
    member = member_with(Member.objects.of(tenant), email)

    def upgrade(fresh: str) -> None:
        rows = Member.objects.of(tenant).filter(pk=member.pk, password=member.password)
        rows.update(password=make_password(fresh))

    # Without a member a hash is made all the same: who is a member is not told by the time.
    known = member.password if member else make_password(None)
    is_right = check_password(password, known, setter=upgrade if member else None)
    if member is None or not is_right:
        fail_try(counted)
        raise WrongPassword("the e-mail or the password is wrong")
    take_back(counted, forget=True)
    if member.status != Member.Status.ACTIVE:
        raise NotAllowed("the member is disabled", member=member.pk)
    return member


@retried
@transaction.atomic
def set_market_node(*, member: Member, is_market_node: bool) -> None:
    change(member, "is_market_node", is_market_node, action="market_node_set")


def change(member: Member, name: str, value: object, *, action: str) -> None:
    """Set one attribute of the row as it is now, and tell what it was before."""
    rows = Member.objects.across_tenants().filter(pk=member.pk)
    before = rows.select_for_update().values_list(name, flat=True).get()
    setattr(member, name, value)
    if before == value:
        return
    rows.update(**{name: value})
    told = name.removesuffix("_id")
    audit.record(action, member, before={told: before}, after={told: value})
