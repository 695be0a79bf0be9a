"""`manage.py verify_audit`: the audit trail is whole, and still the one that was anchored."""

from pathlib import Path

from django.core.management.base import CommandError

from apps.core import anchors, audit
from apps.core.commands import HouseCommand, Subject
from apps.core.models import AuditEntry


class Command(HouseCommand):
    help = "Check the audit trail's chain; fails and names the first entry that does not hold."
    subject = Subject.WATCH
    examples = """
        verify_audit
        verify_audit --anchor /srv/safe/anchors.txt
    """

    def add_arguments(self, parser):
        parser.add_argument(
            "--anchor",
            type=Path,
            metavar="FILE",
            help="also check the ends of the trail kept in this file, and append the present one",
        )

    def handle(self, *, anchor, **options):
        entries = AuditEntry.objects.count()
        breach = audit.find_breach(watch=lambda number: self.bar.show(number, entries))
        self.bar.end()
        if breach:
            raise CommandError(str(breach))
        self.stdout.write(f"{entries} entries: the chain holds")
        if anchor:
            self.check_anchors(anchor)

    def check_anchors(self, path):
        try:
            kept = anchors.read(path)
        except anchors.BadAnchor as error:
            raise CommandError(str(error)) from error
        breach = anchors.find_broken(kept)
        if breach:
            raise CommandError(str(breach))
        self.stdout.write(f"{len(kept)} anchors hold")
        added = anchors.append(path, kept)
        if added:
            self.stdout.write(f"entry {added[0]} is anchored")
