"""A database as it looks after years of business, for measuring.

It may be stopped at any moment and started again with the same figures: it goes on where it was.
"""

import time

from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.audit import acting
from apps.core.commands import HouseCommand, Subject
from apps.core.errors import DomainError
from apps.orders.models import Order
from apps.tallies.services import forget
from apps.tenants.models import Tenant
from ironbull.crowd.cashing import cash_in
from ironbull.crowd.people import founded, settle_in
from ironbull.crowd.plan import NAME, Plan, name_of
from ironbull.crowd.trading import Floor, rounds_of


class Command(HouseCommand):
    help = (
        "Fill the database with a business that never was: people, orders and money, for measuring."
    )
    subject = Subject.TRY
    examples = """
        crowd --tenants 3 --members 100 --orders 2000
        crowd --tenants 200 --members 100000 --orders 1000000
    """

    def add_arguments(self, parser):
        parser.add_argument("--tenants", type=int, default=200)
        parser.add_argument("--members", type=int, default=100_000, help="of all tenants")
        parser.add_argument(
            "--orders", type=int, default=1_000_000, help="of all members, at least"
        )
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--beside-business", action="store_true", help="even where there are real tenants"
        )

    def handle(self, *, tenants, members, orders, seed, beside_business, **options):
        if tenants < 1 or members < tenants or orders < 0:
            raise CommandError("there is one tenant at least, and a member for each")
        if not beside_business and Tenant.objects.exclude(name__startswith=f"{NAME} ").exists():
            raise CommandError(
                "there are tenants here who are none of a crowd's: what is made up cannot be taken "
                "out again. Name another database, or say --beside-business."
            )
        plan = Plan(tenants, members, orders, seed, timezone.now())
        started = time.monotonic()
        try:
            with acting("manage.py crowd"):
                self.fill(plan)
        except DomainError as error:
            raise CommandError(f"{error.message} {error.context or ''}".strip()) from error
        self.stdout.write(f"Done after {time.monotonic() - started:.0f} s.")

    def fill(self, plan: Plan) -> None:
        strategies, nodes = founded()
        known = {row.name: row for row in Tenant.objects.filter(name__startswith=f"{NAME} ")}
        for number in range(1, plan.tenants + 1):
            if name_of(number) not in known:
                known[name_of(number)] = settle_in(plan, number, strategies, nodes)
                self.show("tenants", number, plan.tenants)
        crowd = [known[name_of(number)] for number in range(1, plan.tenants + 1)]
        made = Order.objects.across_tenants().filter(tenant__in=crowd).count()
        for new in rounds_of(plan, Floor.of(crowd, strategies), made=made):
            made += new
            self.show("orders", made, plan.orders)
        asked = sum(cash_in(plan, tenant) for tenant in crowd)
        # What was made up lies before what was counted.
        forget()
        self.stdout.write(f"{asked} withdrawals")

    def show(self, what: str, made: int, wanted: int) -> None:
        self.stdout.write(f"{what}: {made} of {wanted}")
        self.stdout.flush()
