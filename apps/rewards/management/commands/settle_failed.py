"""`manage.py settle_failed`: take up again the closes that were given up after their last try."""

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.rewards.services import settle_failed


class Command(BaseCommand):
    help = "Settle again what has failed, once what was wrong with it is mended."

    def handle(self, **options):
        settled, failed = settle_failed(now=timezone.now())
        self.stdout.write(f"{settled} closes were settled, {len(failed)} failed again")
        for close in failed:
            self.stdout.write(f"{close.pk} {close}: {close.failed_because}")
