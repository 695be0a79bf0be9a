"""The commands of the house, sorted by what they are about."""

import argparse
from collections.abc import Iterator

from django.core.management import ManagementUtility, get_commands, load_command_class

from apps.core.commands import HouseCommand, Subject


def house_commands() -> Iterator[tuple[str, HouseCommand]]:
    for name, app in sorted(get_commands().items()):
        if isinstance(app, str) and app.split(".")[0] in ("apps", "ironbull"):
            yield name, load_command_class(app, name)


def listing() -> str:
    commands = dict(house_commands())
    width = max(map(len, commands))
    lines = []
    for subject in Subject:
        lines += ["", f"[{subject}]"]
        lines += [
            f"    {name:{width}}  {command.help}"
            for name, command in commands.items()
            if command.subject is subject
        ]
    return "\n".join(lines)


def whole_parser(program: str) -> argparse.ArgumentParser:
    """Every command of the house as one parser: what a shell can complete."""
    whole = argparse.ArgumentParser(program)
    verbs = whole.add_subparsers(dest="command")
    for name, command in house_commands():
        own = command.create_parser(program, name)
        verbs.add_parser(name, help=command.help, parents=[own], conflict_handler="resolve")
    return whole


class HouseUtility(ManagementUtility):
    """Django's own, whose help says first what the house can do."""

    def main_help_text(self, commands_only=False):
        told = super().main_help_text(commands_only)
        if commands_only:
            return told
        usage = f"{self.prog_name} COMMAND --help tells more of one, with examples."
        django = ", ".join(name for name, app in sorted(get_commands().items()) if is_django(app))
        return f"IronBull. {usage}\n{listing()}\n\n[Of Django and its parts]\n    {django}"


def is_django(app) -> bool:
    return not str(app).startswith(("apps", "ironbull"))
