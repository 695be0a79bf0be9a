"""Django turns autocommit off and on round every transaction: here the server is told to begin.

Autocommit stays on, and the server ends each transaction by the commit alone, as on SQLite.
"""

from django.db.backends.mysql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def _start_transaction_under_autocommit(self):
        with self.cursor() as cursor:
            cursor.execute("START TRANSACTION")
