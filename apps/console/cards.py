"""Pages on which a person moves point cards: what will move is shown, and then confirmed."""

from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from apps.console.forms import RechargeForm, TransferForm
from apps.console.pages import show
from apps.console.selectors import cards_of
from apps.console.trace import plain
from apps.core.admin import tenant_in_view
from apps.core.errors import BadInput, DomainError
from apps.members.models import Member
from apps.members.selectors import member_with
from apps.pointcards.services import recharge_member, recharge_tenant, transfer_cards
from apps.tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Effect:
    """What a movement does to one owner's cards."""

    owner: str
    before: tuple[Decimal, Decimal]
    after: tuple[Decimal, Decimal]


def recharge_tenant_page(request, tenant_id):
    """Sell or give points to a tenant: the platform's to do."""
    if request.user.tenant_id or not request.user.has_perm("tenants.recharge_tenant"):
        raise PermissionDenied
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    return move_page(
        request,
        RechargeForm,
        title=f"{_('Recharge point cards')}: {tenant}",
        owners=lambda asked: {str(tenant): f"tenant:{tenant.pk}"},
        do=lambda **asked: recharge_tenant(tenant=tenant, **asked),
    )


def recharge_member_page(request, member_id):
    """Sell or give points to a member, from the tenant's own cards."""
    member = member_of(request, member_id)
    tenant = member.tenant
    return move_page(
        request,
        RechargeForm,
        title=f"{_('Recharge point cards')}: {member}",
        owners=lambda asked: {str(tenant): f"tenant:{tenant.pk}", str(member): member.owner},
        do=lambda **asked: recharge_member(member=member, **asked),
    )


def transfer_cards_page(request, member_id):
    """Move points from one member's cards to another's of the same line of invitations."""
    member = member_of(request, member_id)

    def receiver(email: str) -> Member:
        found = member_with(Member.objects.of(member.tenant), email)
        if found is None:
            raise BadInput("no member of this tenant has this e-mail", field="receiver")
        return found

    def owners(asked) -> dict[str, str]:
        other = [receiver(asked["receiver"])] if asked else []
        return {str(row): row.owner for row in [member, *other]}

    return move_page(
        request,
        TransferForm,
        title=f"{_('Transfer point cards')}: {member}",
        owners=owners,
        do=lambda **asked: transfer_cards(
            sender=member, **asked | {"receiver": receiver(asked["receiver"])}
        ),
    )


def member_of(request, member_id) -> Member:
    """A member whose cards this user may move."""
    if not request.user.has_perm("members.recharge_member"):
        raise PermissionDenied
    tenant = tenant_in_view(request)
    members = Member.objects.of(tenant) if tenant else Member.objects.across_tenants()
    return get_object_or_404(members.select_related("tenant"), pk=member_id)


def move_page(request, form_class, *, title, owners, do):
    """Ask, show what would move, and move it once it is confirmed; a refusal moves nothing.

    `owners` names whose cards are shown, given what was asked for, or nothing yet.
    """
    form = form_class(request.POST) if request.method == "POST" else form_class.fresh()
    effects = []
    if form.is_bound and form.is_valid():
        asked = form.cleaned_data
        try:
            if "confirmed" in request.POST:
                made = do(**asked)
                said = _("Moved %(amount)s points") % {"amount": plain(made.amount)}
                messages.success(request, f"{title}: {said}")
                return redirect(request.path)
            effects = tried(lambda: do(**asked), owners(asked))
        except DomainError as error:
            field = str(error.context.get("field", ""))
            form.add_error(field if field in form.fields else None, error.message)
    return show(
        request,
        "console/move_cards.html",
        title,
        form=form,
        effects=effects,
        cards=cards_of(owners(None)),
    )


def tried(do, owners: dict[str, str]) -> list[Effect]:
    """What a movement would do: it is made, looked at, and taken back."""
    with transaction.atomic():
        before = cards_of(owners)
        do()
        after = cards_of(owners)
        transaction.set_rollback(True)
    return [
        Effect(owner, (own, gift), (own_after, gift_after))
        for (owner, own, gift), (_same, own_after, gift_after) in zip(before, after, strict=True)
    ]
