"""Questions about the invitation tree."""

from collections.abc import Iterable

from apps.members.models import Member


def ancestors_of(members: Iterable[Member]) -> dict[int, list[Member]]:
    """Each member's line of inviters, nearest first, by member id; one query for all."""
    lines = {
        member.pk: [int(pk) for pk in reversed(member.path.strip("/").split("/")) if pk]
        for member in members
    }
    wanted = {pk for line in lines.values() for pk in line}
    found = Member.objects.across_tenants().select_related("level").in_bulk(wanted)
    return {pk: [found[ancestor] for ancestor in line] for pk, line in lines.items()}
