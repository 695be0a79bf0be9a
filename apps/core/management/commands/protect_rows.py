"""`manage.py protect_rows`: lay the triggers that keep written rows as they are."""

from django.core.management.base import CommandError
from django.db import connection

from apps.core import append_only
from apps.core.commands import HouseCommand, Subject


class Command(HouseCommand):
    help = "Make the database refuse to change or delete rows that are written once."
    subject = Subject.CARE
    examples = """
        protect_rows
    """

    def handle(self, **options):
        tables = [model._meta.db_table for model in append_only.append_only_models()]
        left = [table for table in tables if not append_only.lay(connection, table)]
        if left:
            raise CommandError(
                f"this database user may not create triggers on {', '.join(left)}: start MySQL "
                "with log_bin_trust_function_creators=1, and run this again"
            )
        self.stdout.write(f"The database keeps the rows of {', '.join(tables)}.")
