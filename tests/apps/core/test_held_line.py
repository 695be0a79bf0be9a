"""A line to the database that nobody ends frees whoever waits; what it was for is done again."""

import pytest
from django.db import OperationalError, connection
from django.db.utils import ConnectionHandler

from apps.tenants.models import Tenant
from ironbull import addresses
from tests.walks.proxy import Proxy

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has no line to hold"),
]


@pytest.fixture
def line():
    """The test's own database through a proxy, and a connection of its own that gives up soon."""
    told = connection.settings_dict
    proxy = Proxy(int(told["PORT"] or 3306))
    secret = f":{told['PASSWORD']}" if told["PASSWORD"] else ""
    address = f"mysql://{told['USER']}{secret}@127.0.0.1:{proxy.port}/{told['NAME']}"
    handler = ConnectionHandler({"default": addresses.database(address, answer_seconds=1)})
    yield proxy, handler["default"]
    proxy.close()
    handler["default"].close()


def count(connected):
    with connected.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {Tenant._meta.db_table}")
        return cursor.fetchone()[0]


def test_a_question_on_a_held_line_ends(line):
    proxy, connected = line
    before = count(connected)
    proxy.hold()
    with pytest.raises(OperationalError) as given_up:
        count(connected)
    assert given_up.value.args[0] in (2006, 2013)
    proxy.heal()
    # As between two tasks: what is broken is closed, and the next one opens its own.
    connected.close_if_unusable_or_obsolete()
    assert count(connected) == before


def test_a_connection_that_nobody_answers_is_not_waited_for(line):
    proxy, connected = line
    proxy.hold()
    with pytest.raises(OperationalError):
        connected.ensure_connection()


def test_what_was_not_committed_is_undone_by_the_server(line):
    proxy, connected = line
    connected.set_autocommit(False)
    with connected.cursor() as cursor:
        cursor.execute(f"UPDATE {Tenant._meta.db_table} SET name = 'nobody' WHERE 1 = 1")
    proxy.hold()
    with pytest.raises(OperationalError):
        count(connected)
    connected.close()
    proxy.heal()
    assert not Tenant.objects.filter(name="nobody").exists()
