"""Everything but the secrets, in one file, while IronBull runs."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.commands import HouseCommand, Subject, add_json
from ironbull import archive

SUFFIX = ".ironbull.tar"
HEADINGS = ["part", "bytes", "sha256"]


class Command(HouseCommand):
    help = "Write the database, journals and paper books into one file, as of one moment."
    subject = Subject.CARE
    examples = """
        backup
        backup --to /srv/backups --keep 14
    """

    def add_arguments(self, parser):
        parser.add_argument(
            "--to",
            type=Path,
            default=settings.VAR / "backups",
            metavar="DIRECTORY",
            help="default: var/backups; keep a copy on another machine",
        )
        parser.add_argument(
            "--keep", type=int, metavar="N", help="remove all but the N newest backups there"
        )
        add_json(parser)

    def handle(self, *, to, keep, **options):
        if keep is not None and keep < 1:
            raise CommandError("--keep is at least 1", returncode=2)
        now = timezone.now()
        path = to / f"{now:%Y-%m-%dT%H%M%SZ}{SUFFIX}"
        manifest = archive.make(path, now=now, say=self.say)
        rows = [[part.name, part.size, part.sha256] for part in manifest.parts]
        self.tell(HEADINGS, rows)
        self.say(f"{path}: keep it apart from the secrets, which are not in it.")
        if keep is not None:
            for old in sorted(to.glob(f"*{SUFFIX}"))[:-keep]:
                old.unlink()
                self.say(f"{old} is removed")
