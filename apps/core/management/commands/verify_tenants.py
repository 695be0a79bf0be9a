"""`manage.py verify_tenants`: no row points at a row of another tenant."""

from django.apps import apps
from django.core.management.base import CommandError

from apps.core.commands import HouseCommand, Subject, add_json
from apps.core.models import TenantOwned
from apps.core.scope import strangers


class Command(HouseCommand):
    help = "Check that every row points at rows of its own tenant only; fails if one does not."
    subject = Subject.WATCH
    examples = """
        verify_tenants
        verify_tenants --json
    """

    def add_arguments(self, parser):
        add_json(parser)

    def handle(self, **options):
        models = [model for model in apps.get_models() if issubclass(model, TenantOwned)]
        astray: list[str] = []
        for place, model in enumerate(models):
            label = model._meta.label
            self.bar.show(place, len(models), label)
            astray += [f"{label}.{name}: {count}" for name, count in strangers(model).items()]
        self.bar.end()
        if astray:
            raise CommandError("rows that point at another tenant's rows: " + ", ".join(astray))
        self.tell_result(
            f"{len(models)} kinds of rows: every row points at rows of its own tenant",
            kinds=len(models),
        )
