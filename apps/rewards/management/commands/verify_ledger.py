"""`manage.py verify_ledger`: recompute the books, and name the first row that does not fit."""

from django.core.management.base import CommandError
from django.db import connection

from apps.core import append_only
from apps.core.commands import HouseCommand, Subject, add_json
from apps.ledger import verification as ledger
from apps.ledger.models import Account, Transfer
from apps.rewards import verification as rewards
from apps.rewards.models import Pool


class Command(HouseCommand):
    help = "Recompute every balance, pool and reward; name the first row that does not fit."
    subject = Subject.WATCH
    examples = """
        verify_ledger
        verify_ledger --json
    """

    def add_arguments(self, parser):
        add_json(parser)

    def handle(self, **options):
        questions = [*ledger.QUESTIONS, *rewards.QUESTIONS]
        for place, question in enumerate(questions):
            self.bar.show(place, len(questions), question.__name__)
            if misfit := question():
                raise CommandError(misfit)
        self.bar.end()
        counted = {
            "accounts": Account.objects.across_tenants().count(),
            "transfers": Transfer.objects.across_tenants().count(),
            "pools": Pool.objects.across_tenants().count(),
        }
        told = ", ".join(f"{count} {name}" for name, count in counted.items())
        self.tell_result(f"The books hold: {told}.", **counted)
        if append_only.missing(connection, Transfer._meta.db_table):
            self.stderr.write("The database itself lets transfers be changed: run protect_rows.")
