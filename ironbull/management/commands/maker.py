"""`manage.py maker …`: what market makers are made of, tried without a venue."""

from django.core.management.base import BaseCommand, CommandError

from engine.errors import BadParameters
from engine.making.paper import closed_form, compare
from ironbull.management.tables import table

FIGURES = ("spread", "profit", "profit_deviation", "inventory", "inventory_deviation")
HEADINGS = [
    "gamma",
    "quotes",
    "paths of",
    "spread",
    "profit",
    "its dev.",
    "held",
    "its dev.",
    "sure",
]


class Command(BaseCommand):
    help = "Play the published experiment of Avellaneda and Stoikov by the product's own quoting."

    def add_arguments(self, parser):
        commands = parser.add_subparsers(dest="verb", required=True)
        paper = commands.add_parser("paper", help="the published table, and ours beside it")
        paper.add_argument("--paths", type=int, default=1000, help="1000, as published")
        paper.add_argument("--seed", type=int, default=7)

    def handle(self, *args, paths, seed, **options):
        try:
            rows = list(compare(paths=paths, seed=seed))
        except BadParameters as error:
            raise CommandError(f"--{error}") from error
        lines = []
        for row in rows:
            told = [f"{row.published.gamma:g}", row.published.name]
            lines.append([*told, "theirs", *figures(row.published), ""])
            lines.append([*told, "ours", *figures(row.ours), sure(row.ours, row.published.gamma)])
            if not row.published.is_symmetric:
                closed = closed_form(row.published.gamma, paths=paths, seed=seed)
                own = [told[0], "closed form", "ours", *figures(closed)]
                lines.append([*own, sure(closed, row.published.gamma)])
        self.stdout.write(table(HEADINGS, lines))
        self.stdout.write("\nsure: the certain profit that is liked as much, at this gamma.")


def figures(told) -> list[str]:
    return [f"{getattr(told, name):.2f}" for name in FIGURES]


def sure(outcome, gamma: float) -> str:
    return f"{outcome.certainty_equivalent(gamma):.2f}"
