"""Questions about the invitation tree."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from apps.members.models import Member


def member_with(members: QuerySet[Member], email: str) -> Member | None:
    """The very member of this address: some databases hold another one's for equal."""
    asked = email.strip().lower()
    return next((row for row in members.filter(email=asked) if row.email == asked), None)


def ancestors_of(members: Iterable[Member]) -> dict[int, list[Member]]:
    """Each member's line of inviters, nearest first, by member id; one query for all."""
    lines = {
        member.pk: [int(pk) for pk in reversed(member.path.strip("/").split("/")) if pk]
        for member in members
    }
    wanted = {pk for line in lines.values() for pk in line}
    found = Member.objects.across_tenants().select_related("level").in_bulk(wanted)
    return {pk: [found[ancestor] for ancestor in line] for pk, line in lines.items()}


@dataclass(frozen=True, slots=True)
class Team:
    """Everybody below a member, at whatever depth."""

    direct: int
    total: int


def below(member: Member) -> QuerySet[Member]:
    """Everybody below a member, by their paths: one range of an index."""
    return Member.objects.of(member.tenant_id).filter(path__startswith=f"{member.path}{member.pk}/")


def team_of(member: Member) -> Team:
    counts = below(member).aggregate(
        total=Count("pk"), direct=Count("pk", filter=Q(inviter=member))
    )
    return Team(counts["direct"], counts["total"])
