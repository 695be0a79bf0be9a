"""Doors of the room: each names one verb, and may run twice."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.orders import services


@shared_task(name="orders.plan")
def plan(signal_id: UUID) -> None:
    services.plan(signal_id=signal_id, now=timezone.now())


@shared_task(name="orders.dispatch")
def dispatch() -> None:
    services.dispatch(now=timezone.now())


@shared_task(name="orders.record_reports")
def record_reports(envelope: str) -> None:
    services.record_reports(envelope=envelope, now=timezone.now())


@shared_task(name="orders.sweep")
def sweep() -> None:
    services.sweep(now=timezone.now())


@shared_task(name="orders.tell_drained")
def tell_drained() -> None:
    services.tell_drained(now=timezone.now())


@shared_task(name="orders.ask_states")
def ask_states() -> None:
    services.ask_states(now=timezone.now())


@shared_task(name="orders.ask_state")
def ask_state(account_id: int) -> None:
    services.ask_state(account_id=account_id, now=timezone.now())


@shared_task(name="orders.record_state")
def record_state(envelope: str) -> None:
    services.record_state(envelope=envelope, now=timezone.now())
