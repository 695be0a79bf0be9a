"""`manage.py ironbull`: what the house can do, sorted by subject."""

from apps.core.commands import HouseCommand, Subject, add_json
from ironbull.management.listing import house_commands, listing


class Command(HouseCommand):
    help = "List the commands of the house by subject."
    subject = Subject.CARE
    examples = """
        ironbull
        ironbull --json
    """
    requires_system_checks = []

    def add_arguments(self, parser):
        add_json(parser)

    def handle(self, **options):
        if not self.as_json:
            self.stdout.write(listing())
            return
        rows = [[command.subject, name, command.help] for name, command in house_commands()]
        self.tell(["subject", "command", "help"], rows)
