"""`manage.py rotate_keys`: seal every secret at rest under the first of SEAL_KEYS.

Put the new key in front of SEAL_KEYS, restart, run this until nothing is left, then
drop the old key. It may be stopped and run again at any time.
"""

from django.core.management.base import CommandError

from apps.core.commands import HouseCommand, Subject, add_json
from apps.core.rotation import due, rotate, sealed_fields

HEADINGS = ["of", "sealed anew", "replaced meanwhile", "left"]


class Command(HouseCommand):
    help = "Seal every secret at rest under the newest key; fails while one is left."
    subject = Subject.CARE
    examples = """
        rotate_keys
        rotate_keys --batch 5000
    """

    def add_arguments(self, parser):
        parser.add_argument("--batch", type=int, default=500, help="rows at a time")
        add_json(parser)

    def handle(self, *, batch, **options):
        if batch < 1:
            raise CommandError("--batch is 1 or more")
        unfinished, lines = [], []
        for model, column in sealed_fields():
            all_due = due(model, column).count()
            for count in rotate(model, column, batch=batch):
                self.bar.show(count.resealed, all_due, count.label)
            self.bar.end()
            self.say(
                f"{count.label}: {count.resealed} sealed anew, "
                f"{count.overtaken} replaced meanwhile, {count.left} left"
            )
            lines.append([count.label, count.resealed, count.overtaken, count.left])
            if count.closed:
                told = ", ".join(str(pk) for pk in count.closed[:20])
                unfinished.append(f"{count.label}: no key of this host opens rows {told}")
            elif count.left:
                unfinished.append(f"{count.label}: {count.left} left, run again")
        if self.as_json:
            self.tell(HEADINGS, lines)
        if unfinished:
            raise CommandError("; ".join(unfinished))
