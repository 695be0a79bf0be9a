"""`manage.py settle_failed`: take up again the closes that were given up after their last try."""

from django.utils import timezone

from apps.core.commands import HouseCommand, Subject, add_json
from apps.rewards.services import settle_failed


class Command(HouseCommand):
    help = "Settle again what has failed, once what was wrong with it is mended."
    subject = Subject.MONEY
    examples = """
        settle_failed
        settle_failed --json
    """

    def add_arguments(self, parser):
        add_json(parser)

    def handle(self, **options):
        settled, failed = settle_failed(now=timezone.now())
        self.say(f"{settled} closes were settled, {len(failed)} failed again")
        rows = [[str(close.pk), str(close), close.failed_because] for close in failed]
        if rows or self.as_json:
            self.tell(["close", "of", "failed because"], rows)
