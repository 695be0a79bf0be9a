"""Fixtures for every test: the database's name, captured hints, and what this host can offer."""

import os
import shutil
import signal
from collections.abc import Sequence
from urllib.parse import urlparse

import pytest
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher
from django.db import connection
from hypothesis import HealthCheck, settings

from ironbull.celery import app
from tests.append_only import unprotected
from tests.environment import VAR
from tests.schema import Schema

try:
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None


# A shell that runs the suite in the background has it ignore Ctrl-C, and so all that it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How fast an example comes depends on what else the machine does; that is no fault of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(scope="session")
def schema():
    return Schema()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(schema, django_db_blocker):
    """A test database of this run's own; on SQLite a file, so that threads can share it."""
    if connection.vendor == "sqlite":
        name = str(VAR / "test.sqlite3")
        # No test looks at what is left after a crash of the machine.
        connection.settings_dict["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"
    else:
        name = f"test_ironbull_{os.getpid()}"
    connection.settings_dict["TEST"]["NAME"] = name
    with django_db_blocker.unblock():
        schema.lay(name)


@pytest.fixture(scope="session")
def django_db_keepdb():
    # What was laid is not to be made anew; it goes with this run all the same.
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker, schema):
    with django_db_blocker.unblock():
        schema.keep()
    yield
    with django_db_blocker.unblock():
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


@pytest.fixture(autouse=True, scope="session")
def emptying_the_database():
    """After a test that commits every table is emptied, also those whose rows are kept for good."""
    # On the class: a browser's test runs in a context with a connection of its own.
    operations = type(connection.ops)
    flush = operations.execute_sql_flush

    def flush_unprotected(self, statements):
        with unprotected():
            flush(self, statements)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(operations, "execute_sql_flush", flush_unprotected)
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_password_hashes():
    """The product's own way of hashing, without the third of a second that it takes by intent."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BCryptSHA256PasswordHasher, "rounds", 4)
        yield


@pytest.fixture(autouse=True, scope="session")
def memory_that_began_long_ago():
    """What is signed in the second in which memory begins is refused; no test begins there."""
    from apps.core.memory import memory
    from apps.merchant.ring import BEGAN

    memory().remember(BEGAN, 0, seconds=86400)


class Hints(Sequence):
    """(task, kwargs) of every message, in order; to read it is to let the commit happen.

    A test that runs inside a transaction never commits. What waits for the commit is
    therefore run when the test looks; what was rolled back is gone by then.
    """

    def __init__(self):
        self.sent = []
        self.options = []

    def record(self, name, args=None, kwargs=None, **options):
        self.sent.append((name, kwargs or {}))
        self.options.append(options)

    def settled(self):
        if connection.connection is not None:
            waiting, connection.run_on_commit = connection.run_on_commit, []
            for _savepoints, run, _robust in waiting:
                run()
        return self.sent

    def named(self, name):
        """The kwargs of every message to this task."""
        return [kwargs for sent, kwargs in self.settled() if sent == name]

    def clear(self):
        self.settled()
        self.sent.clear()
        self.options.clear()

    def __getitem__(self, index):
        return self.settled()[index]

    def __len__(self):
        return len(self.settled())

    def __eq__(self, other):
        return self.settled() == list(other)

    def __repr__(self):
        return repr(self.settled())

    __hash__ = None


@pytest.fixture(autouse=True)
def hints(request, monkeypatch):
    """Messages that the centre's Celery app was asked to send; none of them reaches a broker."""
    if request.node.get_closest_marker("walk"):
        return None
    recorded = Hints()
    monkeypatch.setattr(app, "send_task", recorded.record)
    return recorded


def pytest_collection_modifyitems(items):
    offers = {
        "mariadb": (connection.vendor == "mysql", "DATABASE_URL names no MySQL or MariaDB server"),
        "redis": (bool(redis_address()), "BROKER_URL names no Redis server"),
        "browser": (bool(chromium()), "there is no chromium, or no playwright to drive it"),
    }
    for item in items:
        for marker, (is_offered, reason) in offers.items():
            if not is_offered and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def chromium():
    names = ("chromium", "chromium-browser", "google-chrome")
    return sync_playwright and next(filter(None, map(shutil.which, names)), None)


def redis_address():
    address = os.environ.get("BROKER_URL", "")
    return address if urlparse(address).scheme in {"redis", "rediss"} else ""


@pytest.fixture
def redis_url():
    """The Redis server of this run, for tests marked `redis`."""
    return redis_address()


@pytest.fixture(scope="session")
def browser():
    """A chromium of this run's own, for tests marked `browser`."""
    # Playwright runs an event loop in this thread, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture
def page(browser):
    """An empty page, with cookies of its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()
