"""What beat names: the days that may have changed are counted again."""

from celery import shared_task
from django.utils import timezone

from apps.tallies.services import catch_up, count_day, wrong_days


@shared_task(name="tallies.catch_up")
def catch_up_task() -> None:
    for _day in catch_up(now=timezone.now()):
        pass


@shared_task(name="tallies.mend")
def mend() -> None:
    """Count anew each day that is other than its rows say."""
    for day, wrong in wrong_days(now=timezone.now()):
        if wrong:
            count_day(day)
