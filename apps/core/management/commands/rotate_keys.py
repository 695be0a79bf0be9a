"""`manage.py rotate_keys`: seal every secret at rest under the first of SEAL_KEYS.

Put the new key in front of SEAL_KEYS, restart, run this until nothing is left, then
drop the old key. It may be stopped and run again at any time.
"""

from django.core.management.base import BaseCommand, CommandError

from apps.core.rotation import rotate, sealed_fields


class Command(BaseCommand):
    help = "Seal every secret at rest under the newest key; fails while one is left."

    def add_arguments(self, parser):
        parser.add_argument("--batch", type=int, default=500, help="rows at a time")

    def handle(self, *, batch, **options):
        if batch < 1:
            raise CommandError("--batch is 1 or more")
        unfinished = []
        for model, column in sealed_fields():
            for count in rotate(model, column, batch=batch):
                self.stdout.write(f"{count.label}: {count.resealed} sealed anew", self.style.NOTICE)
            self.stdout.write(
                f"{count.label}: done, {count.overtaken} replaced meanwhile, {count.left} left"
            )
            if count.closed:
                told = ", ".join(str(pk) for pk in count.closed[:20])
                unfinished.append(f"{count.label}: no key of this host opens rows {told}")
            elif count.left:
                unfinished.append(f"{count.label}: {count.left} left, run again")
        if unfinished:
            raise CommandError("; ".join(unfinished))
