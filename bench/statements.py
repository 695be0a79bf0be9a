"""How many statements the database was sent."""

from contextlib import contextmanager

from django.db import connection


@contextmanager
def counted():
    """A list that holds the number of statements run inside."""
    count = [0]

    def count_one(execute, sql, params, many, context):
        count[0] += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count_one):
        yield count
