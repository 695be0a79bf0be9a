"""Settling, withdrawals, and whether the books and the audit trail hold."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.db.models import Min
from django.utils.translation import gettext_lazy as _

from apps.monitoring.checks.check import CRITICAL, Check, Measure
from apps.monitoring.models import Verification
from apps.positions.models import Close
from apps.rewards.models import Withdrawal
from apps.tenants.models import Tenant

HOUR = 3600


def failed_closes(now: datetime) -> Iterator[Measure]:
    closes = Close.objects.across_tenants().filter(status=Close.Status.FAILED)
    yield Measure("closes", closes.count())


def late_closes(now: datetime) -> Iterator[Measure]:
    # Those of a suspended tenant wait until it is resumed.
    closes = Close.objects.across_tenants().filter(
        status=Close.Status.UNSETTLED, tenant__status=Tenant.Status.ACTIVE
    )
    oldest = closes.aggregate(at=Min("created_at"))["at"]
    yield Measure("closes", (now - oldest).total_seconds() if oldest else 0)


def waiting_withdrawals(now: datetime) -> Iterator[Measure]:
    waiting = Withdrawal.objects.across_tenants().filter(
        status__in=[Withdrawal.Status.PENDING, Withdrawal.Status.APPROVED]
    )
    oldest = waiting.aggregate(at=Min("created_at"))["at"]
    hours = (now - oldest).total_seconds() / HOUR if oldest else 0
    yield Measure("withdrawals", hours, f"{waiting.count()} are waiting")


def misfits(what: str, now: datetime) -> Iterator[Measure]:
    last = Verification.objects.filter(what=what).order_by("-pk").first()
    if last:
        yield Measure(what, 1 if last.misfit else 0, last.misfit)


def unverified(now: datetime) -> Iterator[Measure]:
    for what, _label in Verification._meta.get_field("what").choices:
        last = Verification.objects.filter(what=what).order_by("-pk").first()
        if last:
            yield Measure(what, (now - last.created_at).total_seconds() / HOUR)


CHECKS = [
    Check(
        name="failed_closes",
        title=_("Closes failed to settle"),
        unit="",
        measure=failed_closes,
        threshold=0,
        severity=CRITICAL,
    ),
    Check(
        name="late_closes",
        title=_("A close waits long to be settled"),
        unit="s",
        measure=late_closes,
        threshold=60,
    ),
    Check(
        name="withdrawals",
        title=_("A withdrawal waits long for a person"),
        unit="h",
        measure=waiting_withdrawals,
        threshold=24,
    ),
    Check(
        name="ledger",
        title=_("The books do not hold"),
        unit="",
        measure=partial(misfits, "ledger"),
        threshold=0,
        severity=CRITICAL,
    ),
    Check(
        name="audit",
        title=_("The audit trail does not hold"),
        unit="",
        measure=partial(misfits, "audit"),
        threshold=0,
        severity=CRITICAL,
    ),
    Check(
        name="unverified",
        title=_("Books or audit trail were not verified for long"),
        unit="h",
        measure=unverified,
        threshold=50,
    ),
]
