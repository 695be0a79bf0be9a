"""`manage.py recompute_levels`: count levels now, without waiting for the night."""

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.rewards.services import recompute_levels
from apps.tenants.models import Tenant


class Command(BaseCommand):
    help = "Count what members and teams hold, and let their levels rise and fall with it."

    def add_arguments(self, parser):
        parser.add_argument("--tenant", help="the name of one tenant; all of them without it")

    def handle(self, *, tenant, **options):
        tenants = Tenant.objects.order_by("pk")
        if tenant is not None:
            tenants = tenants.filter(name=tenant)
            if not tenants.exists():
                raise CommandError(f"there is no tenant {tenant}")
        for row in tenants:
            counted = recompute_levels(tenant=row, now=timezone.now())
            self.stdout.write(
                f"{row}: {counted.members} members, {counted.rose} rose, {counted.fell} fell"
            )
