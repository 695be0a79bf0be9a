import fcntl
import http.client
import os
import socket
import sys
from contextlib import closing, contextmanager

from django.conf import settings
from django.core.management.base import CommandError

from apps.core.commands import HouseCommand, Subject
from ironbull.installation import ADMIN, LOCAL, node_environment, prepare
from ironbull.supervisor import Program, Supervisor

HOST = "127.0.0.1"


class Command(HouseCommand):
    help = "Prepare this installation and run all of it in the foreground until Ctrl-C."
    subject = Subject.START
    examples = """
        up
        up --port 8001 --no-demo
        up --only web,watch
    """

    def add_arguments(self, parser):
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--no-demo", action="store_true", help="leave the demo out")
        parser.add_argument(
            "--only", help=f"some of the processes, by name: {','.join(programs(port=0, level=''))}"
        )

    def handle(self, **options):
        try:
            self.up(**options)
        except KeyboardInterrupt:
            self.say("Stopped before anything was started.")

    def up(self, *, port, no_demo, only, verbosity, **options):
        wanted = programs(port=port, level="INFO" if verbosity > 1 else "WARNING")
        if only:
            unknown = set(only.split(",")) - set(wanted)
            if unknown:
                raise CommandError(f"no process is called {', '.join(sorted(unknown))}")
            wanted = {name: wanted[name] for name in only.split(",")}
        elif no_demo:
            del wanted["models"]
        settings.VAR.mkdir(mode=0o700, parents=True, exist_ok=True)
        with only_one_here():
            if "web" in wanted:
                refuse_taken(port)
            password = prepare(say=self.say, demo=not no_demo)
            self.say("Starting " + ", ".join(wanted))
            address = f"http://{HOST}:{port}" if "web" in wanted else None
            greeting = Greeting(say=self.say, address=address, password=password)
            if password:
                # Said at once as well: a start that fails later has made the user already.
                self.say(f"Made the admin user {ADMIN!r}, password {password}")
            Supervisor(list(wanted.values()), on_round=greeting.when_ready).run()
            self.say("Stopped. The data stays in " + str(settings.VAR))


class Greeting:
    """Says where to look, once the web answers there."""

    def __init__(self, *, say, address, password):
        self.say = say
        self.address = address
        self.password = password
        self.said = address is None

    def when_ready(self):
        if self.said or not answers(self.address):
            return
        self.said = True
        self.say("")
        self.say(f"  IronBull runs at {self.address}/admin/")
        self.say(f"  Its AI traders, for everybody: {self.address}/arena/")
        if self.password:
            self.say(f"  Log in as {ADMIN} with {self.password} (shown only this once)")
        else:
            self.say(f"  Forgotten the password? .venv/bin/python manage.py changepassword {ADMIN}")
        self.say("  Ctrl-C stops everything; the data stays.")
        self.say("")


def programs(*, port, level):
    """Every process of an installation on one machine, by the name its output carries."""
    # Each knows the same files, wherever it was started from.
    centre = dict(os.environ) | {
        "IRONBULL_VAR": str(settings.VAR),
        "DJANGO_SETTINGS_MODULE": "ironbull.settings",
        "PYTHONUNBUFFERED": "1",
    }
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "--quiet", "-A", "ironbull.celery"]
    worker = [*celery, "worker", "--loglevel", level, "--pool", "threads"]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    node = node_environment(LOCAL) | {"PYTHONUNBUFFERED": "1"}
    found = [
        Program("web", [*python, "gunicorn", *gunicorn_options(port)], centre),
        Program(
            "beat",
            [*celery, "beat", "--loglevel", level, "--pidfile="],
            centre,
        ),
        Program(
            "centre",
            [*worker, "-n", "centre@%h", "--concurrency", "4", "-Q", CENTRE_QUEUES],
            centre,
        ),
        # A process of its own: a heartbeat never waits behind anything else.
        Program(
            "heartbeats",
            [*worker, "-n", "heartbeats@%h", "--concurrency", "1", "-Q", "centre.heartbeats"],
            centre,
        ),
        # A run takes minutes; nothing that trades waits behind it.
        Program(
            "backtests",
            [*worker, "-n", "backtests@%h", "--concurrency", "2", "-Q", "centre.backtests"],
            centre,
        ),
        # A model takes a minute to answer, and only its own trader waits for it.
        Program(
            "minds",
            [*worker, "-n", "minds@%h", "--concurrency", "16", "-Q", "centre.minds"],
            centre,
        ),
        # What the demo's traders ask: models of this host, which live and die with it.
        Program("models", [*python, "django", "demo_traders"], centre),
        # A process of its own: it has to see when any of the others is away.
        Program("watch", [sys.executable, str(settings.ROOT / "manage.py"), "watch"], centre),
        Program("node", [*python, "workers"], {"LOG_LEVEL": level} | node),
    ]
    return {program.name: program for program in found}


CENTRE_QUEUES = "centre.scan,centre.dispatch,centre.reports,centre.states,centre.default"


def gunicorn_options(port):
    options = ["ironbull.asgi", "--bind", f"{HOST}:{port}", "--log-level", "warning"]
    options += ["--worker-class", "ironbull.server.Worker", "--workers", "1"]
    # uvloop where it is installed would be one more thing that differs between hosts.
    options += ["--asgi-loop", "asyncio", "--asgi-lifespan", "off"]
    # No header of a visitor's says below which prefix, or as whom, they come: not even behind a
    # proxy of this host, which such headers would lead past its own rules.
    options += ["--forwarder-headers", "NONE"]
    return [*options, "--graceful-timeout", "5", "--no-control-socket"]


@contextmanager
def only_one_here():
    """Two schedulers and two nodes on one set of files would do everything twice."""
    with open(settings.VAR / "up.lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                f"IronBull already runs from {settings.VAR}: stop it first, or set IRONBULL_VAR "
                "to another directory."
            ) from error
        yield


def refuse_taken(port):
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"port {port} is taken: choose another, as in `PORT=8001 make run`."
            ) from error


def answers(address):
    host = address.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=1)
    try:
        connection.request("GET", "/admin/login/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
