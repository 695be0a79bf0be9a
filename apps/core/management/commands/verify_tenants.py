"""`manage.py verify_tenants`: no row points at a row of another tenant."""

from django.apps import apps
from django.core.management.base import CommandError

from apps.core.commands import HouseCommand, Subject
from apps.core.models import TenantOwned
from apps.core.scope import strangers


class Command(HouseCommand):
    help = "Check that every row points at rows of its own tenant only; fails if one does not."
    subject = Subject.WATCH
    examples = """
        verify_tenants
    """

    def handle(self, **options):
        models = [model for model in apps.get_models() if issubclass(model, TenantOwned)]
        astray = [
            f"{model._meta.label}.{name}: {count}"
            for model in models
            for name, count in strangers(model).items()
        ]
        if astray:
            raise CommandError("rows that point at another tenant's rows: " + ", ".join(astray))
        self.stdout.write(
            f"{len(models)} kinds of rows: every row points at rows of its own tenant"
        )
