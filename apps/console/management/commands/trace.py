"""`manage.py trace <id>`: the chain around any id, as a tree with the time of each step."""

from datetime import timedelta
from uuid import UUID

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from apps.console.trace import Step, Trace, trace
from apps.core.commands import HouseCommand, Subject, add_json
from apps.core.errors import NotFound


class Command(HouseCommand):
    help = "Show the whole chain of a signal, ticket, order, fill, close, charge, pool or reward."
    subject = Subject.WATCH
    examples = """
        trace 0199aa3e-5d0c-7c36-9a57-0f3b6f1f2a10
        trace 0199aa3e-5d0c-7c36-9a57-0f3b6f1f2a10 --page 2 --json
    """

    def add_arguments(self, parser):
        parser.add_argument("id", help="the id of any fact in the chain")
        parser.add_argument("--page", type=int, default=1, help="which tickets of a signal to show")
        add_json(parser)

    def handle(self, *, id: str, page: int, **options):
        try:
            found = trace(UUID(id), page=max(1, page))
        except ValueError:
            raise CommandError(f"{id!r} is not an id") from None
        except NotFound as error:
            raise CommandError(f"{error.message}: {id}") from None
        if self.as_json:
            self.tell_json(plain(found))
        else:
            self.stdout.write(as_tree(found))


def as_tree(found: Trace) -> str:
    lines = []
    for depth, step in found.lines:
        mark = "→" if step.row.pk == found.focus else " "
        name = f"{'  ' * depth}{step.kind}"
        lines.append(
            f"{mark} {name:<24} {told(step.took):>10}  {step.status:<12} "
            f"{step.text}  [{step.row.pk}]"
        )
    if found.pages > 1:
        lines.append(
            _("page %(page)s of %(pages)s, %(tickets)s tickets in all")
            % {"page": found.page, "pages": found.pages, "tickets": found.tickets}
        )
    return "\n".join(lines)


def told(took: timedelta | None) -> str:
    return "" if took is None else f"+{took.total_seconds():.3f} s"


def plain(found: Trace) -> dict[str, object]:
    return {
        "focus": str(found.focus),
        "tickets": found.tickets,
        "page": found.page,
        "pages": found.pages,
        "chain": branch(found.first),
    }


def branch(step: Step) -> dict[str, object]:
    return {
        "kind": str(step.kind),
        "id": str(step.row.pk),
        "text": step.text,
        "status": str(step.status),
        "at": step.at.isoformat(),
        "seconds_since_the_step_before": step.took.total_seconds() if step.took else None,
        "then": [branch(following) for following in step.then],
    }
