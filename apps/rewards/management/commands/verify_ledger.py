"""`manage.py verify_ledger`: recompute the books, and name the first row that does not fit."""

from django.core.management.base import CommandError
from django.db import connection

from apps.core import append_only
from apps.core.commands import HouseCommand, Subject
from apps.ledger import verification as ledger
from apps.ledger.models import Account, Transfer
from apps.rewards import verification as rewards
from apps.rewards.models import Pool


class Command(HouseCommand):
    help = "Recompute every balance, pool and reward; name the first row that does not fit."
    subject = Subject.WATCH
    examples = """
        verify_ledger
    """

    def handle(self, **options):
        misfit = ledger.first_misfit() or rewards.first_misfit()
        if misfit:
            raise CommandError(misfit)
        accounts = Account.objects.across_tenants().count()
        transfers = Transfer.objects.across_tenants().count()
        pools = Pool.objects.across_tenants().count()
        self.stdout.write(
            f"The books hold: {accounts} accounts, {transfers} transfers, {pools} pools."
        )
        if append_only.missing(connection, Transfer._meta.db_table):
            self.stderr.write("The database itself lets transfers be changed: run protect_rows.")
