"""Write the OpenAPI documents that are kept with the code; --check says whether they are true."""

import json
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.module_loading import import_string

from apps.core.commands import HouseCommand, Subject
from apps.core.openapi import document

HOME = Path(settings.ROOT) / "docs" / "openapi"


def documents() -> dict[Path, str]:
    """The text of each document, by where it is kept."""
    return {
        HOME / f"{name}.json": json.dumps(document(import_string(face)), indent=2) + "\n"
        for name, face in settings.FACES.items()
    }


class Command(HouseCommand):
    help = __doc__
    subject = Subject.CARE
    examples = """
        write_openapi
        write_openapi --check
    """

    def add_arguments(self, parser):
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail if one is old"
        )

    def handle(self, *, check, **options):
        for path, text in documents().items():
            if check and (not path.exists() or path.read_text() != text):
                raise CommandError(f"{path.name} is old: run manage.py write_openapi")
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                self.stdout.write(f"{path.name}: {len(text):,} characters")
