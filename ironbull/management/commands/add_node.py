from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from apps.core.errors import DomainError
from ironbull.installation import enroll


class Command(BaseCommand):
    help = (
        "Enrol a node and write its key file, which belongs on that node's host and nowhere else."
    )

    def add_arguments(self, parser):
        parser.add_argument("code", help="small letters, digits and dashes, as in tokyo-1")
        parser.add_argument("--name", help="what people call it; the code, if left out")
        parser.add_argument("--key-file", type=Path, required=True, help="where to write its keys")

    def handle(self, *, code, name, key_file, **options):
        if key_file.exists():
            raise CommandError(f"{key_file} is there already: a key file is never written over")
        try:
            enroll(code=code, name=name or code, file=key_file)
        except DomainError as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(
            f"Node {code} is enrolled. Move {key_file} to its host as NODE_KEY_FILE, delete it "
            f"here, and start `python -m workers` there with NODE_CODE={code}."
        )
