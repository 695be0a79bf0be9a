"""`manage.py completion bash`: what makes a shell complete commands, their verbs and options."""

import shtab

from apps.core.commands import HouseCommand, Subject
from ironbull.management.listing import whole_parser


class Command(HouseCommand):
    help = "Print the completion of these commands for a shell."
    subject = Subject.CARE
    examples = """
        completion bash > ~/.local/share/bash-completion/completions/manage.py
        completion zsh > ~/.zfunc/_manage.py
    """
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("shell", choices=["bash", "zsh"])

    def handle(self, *, shell, **options):
        self.stdout.write(shtab.complete(whole_parser("manage.py"), shell=shell))
