from apps.core.commands import HouseCommand, Subject
from ironbull.installation import ADMIN, prepare


class Command(HouseCommand):
    help = "Prepare this installation: tables, levels and plans, node local, admin user, demo."
    subject = Subject.START
    examples = """
        setup
        setup --no-demo
    """

    def add_arguments(self, parser):
        parser.add_argument("--no-demo", action="store_true", help="leave the demo out")

    def handle(self, *, no_demo, **options):
        password = prepare(say=self.stdout.write, demo=not no_demo)
        if password:
            self.stdout.write(f"Admin user {ADMIN!r}, password {password} (shown only this once)")
