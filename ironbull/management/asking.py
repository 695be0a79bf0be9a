"""How commands are told whom they mean, and ask before they do it."""

from django.core.management.base import CommandError

from apps.core.commands import HouseCommand
from apps.tenants.models import Tenant


def tenant_named(text: str) -> Tenant:
    """A tenant by its id or its name."""
    by_id = {"pk": int(text)} if text.isdecimal() and len(text) < 19 else {"name": text}
    found = Tenant.objects.filter(**by_id).first()
    if found is None:
        raise CommandError(f"--tenant: there is no tenant {text}")
    return found


def confirm(command: HouseCommand, question: str, *, yes: bool) -> None:
    """Go on only where a person says so; where nobody can, `--yes` has to."""
    command.say(question)
    if yes:
        return
    try:
        answer = input("Type yes to go on: ")
    except EOFError:
        answer = ""
    if answer.strip().lower() != "yes":
        raise CommandError("nothing was done: say yes, or --yes")
