"""Forget what was traded, of one tenant or of all, and keep what it came to in points."""

from collections import Counter

from django.utils import timezone

from apps.core.audit import acting
from apps.core.commands import HouseCommand, Subject, add_json
from apps.rewards.services.clearing import clear_history, counted, refuse_unfinished
from ironbull.management.asking import confirm, tenant_named


class Command(HouseCommand):
    help = "Remove tickets, orders, fills, positions and closes that no charge refers to."
    subject = Subject.CARE
    examples = """
        clear_trading_data --tenant Acme --dry-run --json
        clear_trading_data --all --yes
    """

    def add_arguments(self, parser):
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--tenant", help="its id or its name")
        whose.add_argument("--all", action="store_true", help="every tenant, and signals too")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--dry-run", action="store_true", help="count, and remove nothing")
        add_json(parser)

    def handle(self, *, tenant, yes, dry_run, **options):
        chosen = tenant_named(tenant) if tenant else None
        now = timezone.now()
        refuse_unfinished(chosen)
        found, gone = counted(chosen, before=now), Counter()
        if not dry_run:
            confirm(
                self,
                f"Of {chosen or 'all tenants'} these will be gone for good: "
                + ", ".join(f"{count} {name}" for name, count in found.items()),
                yes=yes,
            )
            with acting("manage.py clear_trading_data"):
                for name, count in clear_history(tenant=chosen, before=now):
                    gone[name] += count
                    self.bar.show(gone.total(), sum(found.values()), name)
        lines = [[name, count, gone[name]] for name, count in found.items()]
        self.bar.end()
        self.tell(["of", "found", "removed"], lines)
