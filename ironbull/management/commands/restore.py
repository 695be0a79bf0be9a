"""Put a backup back: whole and checked, or not at all."""

from pathlib import Path

from django.core.management import call_command
from django.core.management.base import CommandError

from apps.core.commands import HouseCommand, Subject
from ironbull import archive
from ironbull.management.asking import confirm
from ironbull.management.commands.up import only_one_here


class Command(HouseCommand):
    help = "Replace the database and what lies beside it by a backup, and verify the books."
    subject = Subject.CARE
    examples = """
        restore var/backups/2026-01-31T020000Z.ironbull.tar
        restore 2026-01-31T020000Z.ironbull.tar --over --yes
    """

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--over", action="store_true", help="replace a database that is there")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *, file, over, yes, **options):
        with only_one_here(), archive.opened(file) as (manifest, place):
            if archive.has_tables() and not over:
                raise CommandError("there is a database: --over replaces it, for good")
            confirm(self, f"It is of {manifest.made_at}: what came later is lost here.", yes=yes)
            archive.put_back(manifest, place, say=self.say)
        self.say("Bringing its tables to this version")
        call_command("migrate", interactive=False, verbosity=0)
        call_command("verify_ledger", stdout=self.stdout, stderr=self.stderr)
        call_command("verify_audit", stdout=self.stdout)
        self.say("Start IronBull, then compare the accounts with their venues: manage.py reconcile")
