"""`manage.py verify_audit`: the audit trail is whole, and still the one that was anchored."""

from pathlib import Path

from django.core.management.base import CommandError

from apps.core import anchors, audit
from apps.core.commands import HouseCommand, Subject, add_json
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
        add_json(parser)

    def handle(self, *, anchor, **options):
        entries = AuditEntry.objects.count()
        breach = audit.find_breach(watch=lambda number: self.bar.show(number, entries))
        self.bar.end()
        if breach:
            raise CommandError(str(breach))
        told, figures = [f"{entries} entries: the chain holds"], {"entries": entries}
        if anchor:
            kept, added = self.check_anchors(anchor)
            told.append(f"{len(kept)} anchors hold")
            told += [f"entry {number} is anchored" for number in added]
            figures |= {"anchors": len(kept), "anchored": added}
        self.tell_result("\n".join(told), **figures)

    def check_anchors(self, path):
        try:
            kept = anchors.read(path)
        except anchors.BadAnchor as error:
            raise CommandError(str(error)) from error
        breach = anchors.find_broken(kept)
        if breach:
            raise CommandError(str(breach))
        return kept, list(anchors.append(path, kept) or [])[:1]
