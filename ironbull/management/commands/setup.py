from django.core.management.base import BaseCommand

from ironbull.installation import ADMIN, prepare


class Command(BaseCommand):
    help = "Prepare this installation: tables, levels and plans, node local, admin user, demo."

    def add_arguments(self, parser):
        parser.add_argument("--no-demo", action="store_true", help="leave the demo out")

    def handle(self, *, no_demo, **options):
        password = prepare(say=self.stdout.write, demo=not no_demo)
        if password:
            self.stdout.write(f"Admin user {ADMIN!r}, password {password} (shown only this once)")
