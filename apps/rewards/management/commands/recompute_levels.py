"""`manage.py recompute_levels`: count levels now, without waiting for the night."""

from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.commands import HouseCommand, Subject, add_json
from apps.rewards.services import recompute_levels
from apps.tenants.models import Tenant


class Command(HouseCommand):
    help = "Count what members and teams hold, and let their levels rise and fall with it."
    subject = Subject.MONEY
    examples = """
        recompute_levels
        recompute_levels --tenant Acme --json
    """

    def add_arguments(self, parser):
        parser.add_argument("--tenant", help="the name of one tenant; all of them without it")
        add_json(parser)

    def handle(self, *, tenant, **options):
        tenants = Tenant.objects.order_by("pk")
        if tenant is not None:
            tenants = tenants.filter(name=tenant)
            if not tenants.exists():
                raise CommandError(f"there is no tenant {tenant}")
        rows = []
        for row in tenants:
            self.bar.show(len(rows), len(tenants), str(row))
            counted = recompute_levels(tenant=row, now=timezone.now())
            rows.append([str(row), counted.members, counted.rose, counted.fell])
        self.tell(["tenant", "members", "rose", "fell"], rows)
