"""Build what runs a node on a bare host: a directory, and the same in one file."""

from pathlib import Path

from django.core.management.base import CommandError

from apps.core.commands import HouseCommand, Subject, add_json
from ironbull.node_bundle import build


class Command(HouseCommand):
    help = "Build a directory, and a single file, that run a node with python3 and pip only."
    subject = Subject.NODES
    examples = """
        node_bundle /tmp/ironbull-node
    """
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("directory", type=Path, help="to be made; it may not be there yet")
        add_json(parser)

    def handle(self, *, directory, **options):
        try:
            made = build(directory)
        except FileExistsError as error:
            raise CommandError(f"{directory} is there already: nothing is written over") from error
        except OSError as error:
            raise CommandError(f"{directory} cannot be made: {error.strerror}") from error
        lines = [[path.name, size] for path, size in made.items()]
        self.tell(["made", "bytes"], lines)
        self.say(f"How to start it stands in {directory / 'README.md'}")
