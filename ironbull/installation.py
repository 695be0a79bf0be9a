"""What an installation needs before its processes start. All of it may run again."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command

from apps.core.errors import DomainError
from apps.merchant.ring import state_of_memory
from apps.nodes.envelopes import centre_verify_key
from apps.nodes.models import Node
from apps.nodes.services import enroll_node
from apps.tenants.models import User
from workers.keys import make_keys

ADMIN = "admin"
LOCAL = "local"
OF_THE_CENTRE = {
    *("SECRET_KEY", "SEAL_KEYS", "AUDIT_KEY", "CENTRE_SIGNING_KEY", "DATABASE_URL"),
    # With it Celery would load Django, which a node does not have.
    "DJANGO_SETTINGS_MODULE",
}


def prepare(*, say: Callable[[str], None], demo: bool) -> str | None:
    """Tables, levels and plans, the node `local`, the admin user, the demo.

    Returns the admin's password if this run made it; only its hash is stored.
    """
    settings.VAR.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Empty unless somebody collects: the web finds static files where they are.
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    say("Preparing the database")
    call_command("migrate", interactive=False, verbosity=0)
    say("Loading levels, plans and strategies")
    call_command("load_fixtures", verbosity=0)
    enroll_local()
    password = create_admin()
    # Requests that are signed from now on can be told from those that memory never saw.
    state_of_memory()
    if demo:
        say("Seeding the demo")
        call_command("demo", verbosity=0)
    return password


def key_file(code: str) -> Path:
    return settings.VAR / "nodes" / f"{code}.json"


def enroll_local() -> None:
    """The node that every installation has; its keys are made here, on its own host."""
    file = key_file(LOCAL)
    enrolled = Node.objects.filter(code=LOCAL).exists()
    if enrolled and file.exists():
        return
    if enrolled:
        raise CommandError(
            f"node {LOCAL} is enrolled, but its key file {file} is missing: restore it from a "
            "backup, or start with an empty database."
        )
    # Left over from a start that died before the node was enrolled.
    file.unlink(missing_ok=True)
    enroll(code=LOCAL, name="This machine", file=file)


def enroll(*, code: str, name: str, file: Path) -> Node:
    """Make a node's keys, keep the private ones in its file only, and make it known."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    seal_key, verify_key = make_keys(file, node=code, centre_verify=centre_verify_key())
    try:
        return enroll_node(code=code, name=name, seal_key=seal_key, verify_key=verify_key)
    except DomainError:
        # Nobody knows these keys, so nobody may mistake them for a node's.
        file.unlink()
        raise


def create_admin() -> str | None:
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    User.objects.create_superuser(username=ADMIN, password=password)
    return password


def node_environment(code: str) -> dict[str, str]:
    """What a node on this host is told: never the centre's secrets or database."""
    kept = {name: value for name, value in os.environ.items() if not is_of_the_centre(name)}
    return kept | {
        "NODE_CODE": code,
        "BROKER_URL": settings.BROKER_URL,
        "NODE_KEY_FILE": str(key_file(code)),
        "NODE_STATE": str(settings.VAR / "nodes" / code),
        "PAPER_BOOK": settings.PAPER_BOOK,
    }


def is_of_the_centre(name: str) -> bool:
    return name.removesuffix("_FILE") in OF_THE_CENTRE
