"""Levels follow from what members and their teams hold. They are counted, never set."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from apps.core import audit
from apps.core.bulk import insert, upsert
from apps.core.deadlocks import retried
from apps.core.errors import DomainError
from apps.members.ladder import Place, level_of, standings
from apps.members.models import Level, LevelChange, Member, Standing
from apps.tenants.models import Event, Tenant
from apps.tenants.selectors import policy_of
from apps.tenants.services import tell_many
from apps.venues.selectors import holdings_of_tenant

log = logging.getLogger(__name__)

# One statement names so many rows at most.
CHUNK = 5000
FIGURES = ["own_holding", "team_holding", "team_count", "counted_at"]


@dataclass(frozen=True, slots=True)
class Recount:
    """What came of counting a tenant's levels."""

    tenant: Tenant
    members: int
    rose: int
    fell: int


def recompute_all_levels(*, now: datetime) -> list[Recount]:
    """Count every tenant's levels; one that cannot be counted stops no other."""
    counted = []
    for tenant in Tenant.objects.order_by("pk"):
        try:
            counted.append(recompute_levels(tenant=tenant, now=now))
        except DomainError as error:
            log.error("the levels of %s were not counted: %s", tenant, error)
    return counted


@retried
@transaction.atomic
def recompute_levels(*, tenant: Tenant, now: datetime) -> Recount:
    """Count what everybody holds now, and let levels rise and fall with it."""
    # The tenant's row is the lock: of two counts at once the second one finds nothing to change.
    tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
    rows = Member.objects.of(tenant).order_by("pk")
    members = rows.values_list("pk", "inviter", "path", "level")
    places, before = [], {}
    for pk, inviter, path, level in members:
        places.append(Place(pk, inviter, path.count("/")))
        before[pk] = level
    held = standings(places, holdings_of_tenant(tenant))
    ladder = list(Level.objects.order_by("number").values_list("number", "min_team_holding"))
    least = policy_of(tenant).min_holding
    after = {pk: level_of(held[pk], ladder=ladder, min_holding=least) for pk in before}
    upsert(
        [
            Standing(
                tenant=tenant,
                member_id=pk,
                own_holding=figures.own,
                team_holding=figures.team,
                team_count=figures.count,
                counted_at=now,
            )
            for pk, figures in held.items()
        ],
        update=FIGURES,
    )
    changes = [
        LevelChange(
            tenant=tenant,
            member_id=pk,
            before_id=before[pk],
            after_id=after[pk],
            own_holding=held[pk].own,
            team_holding=held[pk].team,
        )
        for pk in before
        if before[pk] != after[pk]
    ]
    write_changes(changes)
    rose = sum(change.after_id > change.before_id for change in changes)
    counted = Recount(tenant, len(before), rose, len(changes) - rose)
    if changes:
        audit.record(
            "levels.counted", tenant, after={"rose": rose, "fell": counted.fell}, tenant=tenant
        )
    return counted


def write_changes(changes: list[LevelChange]) -> None:
    insert(changes)
    of_level = defaultdict(list)
    for change in changes:
        of_level[change.after_id].append(change.member_id)
    for level, members in of_level.items():
        for some in chunks(members):
            Member.objects.across_tenants().filter(pk__in=some).update(level=level)
    tell_many(
        Event(
            tenant_id=change.tenant_id,
            name="member.level_changed",
            about={
                "member": change.member_id,
                "before": change.before_id,
                "after": change.after_id,
            },
        )
        for change in changes
    )


def chunks(members: Sequence[int]) -> Iterable[Sequence[int]]:
    return (members[start : start + CHUNK] for start in range(0, len(members), CHUNK))
