"""A transaction begins with its first statement, and costs no trip to the server of its own.

Django turns autocommit off and on round every transaction. Here autocommit stays on, as on
SQLite; the server is told to begin together with the first statement, and a transaction without
statements is told to nobody.
"""

from django.db.backends.mysql import base
from django.db.backends.mysql.base import Database
from django.db.utils import IntegrityError

BEGIN = "START TRANSACTION"


class CursorWrapper(base.CursorWrapper):
    def __init__(self, cursor, connection):
        super().__init__(cursor)
        self.connection = connection

    def execute(self, query, args=None):
        if not self.connection.is_to_begin:
            return super().execute(query, args)
        self.connection.is_to_begin = False
        super().execute(f"{BEGIN}; {query}", args)
        self.nextset()
        return self.cursor.rowcount

    def executemany(self, query, args):
        if self.connection.is_to_begin:
            self.connection.is_to_begin = False
            super().execute(BEGIN)
        return super().executemany(query, args)

    def nextset(self):
        """Go on to the result of the next of several statements, which may have failed."""
        try:
            return self.cursor.nextset()
        except Database.OperationalError as error:
            if error.args[0] in self.codes_for_integrityerror:
                raise IntegrityError(*error.args) from error
            raise


class DatabaseWrapper(base.DatabaseWrapper):
    is_to_begin = False

    def get_connection_params(self):
        # Its clock tells what we keep: UTC, wherever the server stands.
        return super().get_connection_params() | {"init_command": "SET time_zone = '+00:00'"}

    def connect(self):
        self.is_to_begin = False
        super().connect()

    def create_cursor(self, name=None):
        return CursorWrapper(super().create_cursor(name).cursor, self)

    def _start_transaction_under_autocommit(self):
        self.is_to_begin = True

    def _commit(self):
        if self.has_begun():
            super()._commit()

    def _rollback(self):
        if self.has_begun():
            super()._rollback()

    def has_begun(self):
        """Whether the server knows of the transaction; one that it does not know ends here."""
        has_begun, self.is_to_begin = not self.is_to_begin, False
        return has_begun
