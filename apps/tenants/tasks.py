"""Doors of the room: send what tenants are owed, and forget what they have had for long."""

from celery import shared_task
from django.utils import timezone

from apps.tenants.services import logins, webhooks


@shared_task(name="tenants.deliver")
def deliver() -> None:
    webhooks.deliver(now=timezone.now())


@shared_task(name="tenants.prune_webhooks")
def prune_webhooks() -> None:
    webhooks.prune_webhooks(now=timezone.now())


@shared_task(name="tenants.prune_logins")
def prune_logins() -> None:
    logins.prune_logins(now=timezone.now())
