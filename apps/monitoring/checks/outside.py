"""What comes in from others and goes out to them: messages, webhooks, keys, certificates."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from django.conf import settings
from django.db.models import Min
from django.utils.translation import gettext_lazy as _

from apps.core.models import RefusedMessage
from apps.monitoring.checks.check import CRITICAL, INFORMATION, Check, Measure
from apps.tenants.models import AppKey, Delivery

LATELY = timedelta(minutes=10)
DAY = timedelta(days=1)


def refused(now: datetime) -> Iterator[Measure]:
    lately = RefusedMessage.objects.filter(last_seen_at__gte=now - LATELY)
    yield Measure("messages", lately.count())


def dead_webhooks(now: datetime) -> Iterator[Measure]:
    dead = Delivery.objects.across_tenants().filter(
        status=Delivery.Status.DEAD, created_at__gte=now - 3 * DAY
    )
    yield Measure("deliveries", dead.count())


def app_keys(now: datetime) -> Iterator[Measure]:
    active = AppKey.objects.across_tenants().filter(status=AppKey.Status.ACTIVE)
    oldest = active.aggregate(at=Min("created_at"))["at"]
    yield Measure("app keys", (now - oldest) / DAY if oldest else 0)


def certificates(now: datetime) -> Iterator[Measure]:
    """How many days each certificate of the settings still holds."""
    for name in settings.WATCHED_CERTIFICATES:
        try:
            found = x509.load_pem_x509_certificate(Path(name).read_bytes())
        except (OSError, ValueError) as error:
            yield Measure(Path(name).name, 0, f"{type(error).__name__}: it cannot be read")
        else:
            yield Measure(Path(name).name, (found.not_valid_after_utc - now) / DAY)


CHECKS = [
    Check(
        name="refused",
        title=_("Messages are refused"),
        unit="",
        measure=refused,
        threshold=20,
    ),
    Check(
        name="webhooks",
        title=_("Webhooks are given up"),
        unit="",
        measure=dead_webhooks,
        threshold=0,
        severity=INFORMATION,
    ),
    Check(
        name="app_keys",
        title=_("An app key is old"),
        unit="days",
        measure=app_keys,
        threshold=365,
        severity=INFORMATION,
    ),
    Check(
        name="certificate",
        title=_("A certificate ends soon"),
        unit="days",
        measure=certificates,
        threshold=14,
        is_floor=True,
        severity=CRITICAL,
    ),
]
