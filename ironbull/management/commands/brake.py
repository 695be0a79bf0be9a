"""`manage.py brake …`: stop opening everywhere, and let it go on."""

from django.utils import timezone

from apps.core.audit import acting
from apps.core.commands import HouseCommand, Subject, add_json
from apps.market_making.services import stop_opening
from apps.orders.models import Brake
from apps.orders.services import release_brake

HEADINGS = ["is on", "since", "pulled by", "reason", "released at", "released by"]
SHOWN = 10


class Command(HouseCommand):
    help = "Stop opening everywhere, or let it go on; closing always does."
    subject = Subject.TRADE
    examples = """
        brake pull --reason "the venue answers nonsense"
        brake release
        brake list --json
    """

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        pull = verbs.add_parser("pull", help="refuse what would open, and stop every maker")
        pull.add_argument("--reason", required=True)
        release = verbs.add_parser("release", help="allow openings again; makers stay stopped")
        shown = verbs.add_parser("list", help=f"whether it is on, and the last {SHOWN} times")
        for verb in (pull, release, shown):
            add_json(verb)

    def handle(self, *, verb, **options):
        now = timezone.now()
        with acting("manage.py brake"):
            if verb == "pull":
                _brake, makers = stop_opening(reason=options["reason"], now=now)
                self.say(f"Nothing is opened any more; makers told to stop: {len(makers)}.")
            elif verb == "release":
                release_brake(now=now)
                self.say("Openings are allowed again.")
        self.tell(HEADINGS, [line_of(brake) for brake in Brake.objects.all()[:SHOWN]])


def line_of(brake: Brake) -> list[object]:
    released = brake.released_at.isoformat(" ", "seconds") if brake.released_at else ""
    since = brake.created_at.isoformat(" ", "seconds")
    return [
        bool(brake.on_key),
        since,
        brake.pulled_by,
        brake.reason,
        released,
        brake.released_by,
    ]
