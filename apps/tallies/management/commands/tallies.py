"""`manage.py tallies`: count what changed; compare with the rows; count everything anew."""

from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.commands import HouseCommand, Subject, add_json
from apps.tallies.services import catch_up, forget, wrong_days


class Command(HouseCommand):
    help = "Count what each day came to; --check compares it with the rows, --rebuild begins anew."
    subject = Subject.CARE
    examples = """
        tallies
        tallies --check
        tallies --rebuild
    """

    def add_arguments(self, parser):
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--check", action="store_true", help="write nothing, tell what differs")
        which.add_argument("--rebuild", action="store_true", help="forget what was counted")
        add_json(parser)

    def handle(self, *, check, rebuild, **options):
        if check:
            self.check_all()
            return
        if rebuild:
            forget()
        days = 0
        for day in catch_up(now=timezone.now()):
            days += 1
            self.say(f"counted {day}")
        self.tell_result(f"{days} days counted", days=days)

    def check_all(self):
        days, misfits = 0, 0
        for day, wrong in wrong_days(now=timezone.now()):
            days += 1
            misfits += len(wrong)
            for line in wrong:
                self.stderr.write(f"{day}: {line}")
        if misfits:
            raise CommandError(f"{misfits} tallies are not what their rows say: run it --rebuild")
        self.tell_result(f"The tallies of {days} days hold.", days=days)
