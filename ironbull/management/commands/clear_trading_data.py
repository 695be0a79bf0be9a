"""Forget what was traded, of one tenant or of all, and keep what it came to in points."""

from collections import Counter

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.core.audit import acting
from apps.core.errors import DomainError
from apps.rewards.services.clearing import clear_history, counted, refuse_unfinished
from ironbull.management.asking import confirm, tenant_named
from ironbull.management.tables import table


class Command(BaseCommand):
    help = "Remove tickets, orders, fills, positions and closes that no charge refers to."

    def add_arguments(self, parser):
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--tenant", help="its id or its name")
        whose.add_argument("--all", action="store_true", help="every tenant, and signals too")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--dry-run", action="store_true", help="count, and remove nothing")

    def handle(self, *, tenant, yes, dry_run, **options):
        chosen = tenant_named(tenant) if tenant else None
        now = timezone.now()
        try:
            refuse_unfinished(chosen)
            found = counted(chosen, before=now)
            if dry_run:
                self.tell(found, Counter())
                return
            confirm(
                self,
                f"Of {chosen or 'all tenants'} these will be gone for good: "
                + ", ".join(f"{count} {name}" for name, count in found.items()),
                yes=yes,
            )
            with acting("manage.py clear_trading_data"):
                self.tell(found, self.clear(chosen, now))
        except DomainError as refused:
            raise CommandError(f"{chosen or 'all tenants'}: {refused.message}") from refused

    def clear(self, tenant, now):
        gone = Counter()
        for name, count in clear_history(tenant=tenant, before=now):
            gone[name] += count
            if count:
                self.stdout.write(f"{name}: {gone[name]} gone")
        return gone

    def tell(self, found, gone):
        lines = [[name, count, gone[name]] for name, count in found.items()]
        self.stdout.write(table(["of", "found", "removed"], lines))
