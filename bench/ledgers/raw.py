"""What the driver and the server can do: a head and two legs, and the balances, in plain SQL."""

import os
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlparse

import MySQLdb

from bench.ledgers import ACCOUNTS, pairs, play

UNIT = 10**8
TABLES = [
    "CREATE TABLE account (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL)",
    "CREATE TABLE head (id BIGINT AUTO_INCREMENT PRIMARY KEY, at DATETIME(6) NOT NULL)",
    """CREATE TABLE leg (id BIGINT AUTO_INCREMENT PRIMARY KEY, head_id BIGINT NOT NULL,
        account_id BIGINT NOT NULL, amount BIGINT NOT NULL,
        KEY (head_id), KEY (account_id),
        FOREIGN KEY (head_id) REFERENCES head (id),
        FOREIGN KEY (account_id) REFERENCES account (id))""",
]


def connect():
    address = urlparse(os.environ["DATABASE_URL"])
    return MySQLdb.connect(
        host=address.hostname,
        port=address.port or 3306,
        user=address.username,
        passwd=address.password or "",
        db=address.path.strip("/"),
        # As Django asks for, and so the other contenders.
        init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    )


def prepare() -> Callable[[], None]:
    database = connect()
    cursor = database.cursor()
    for table in TABLES:
        cursor.execute(table)
    cursor.executemany(
        "INSERT INTO account VALUES (%s, %s)", [(place, 0) for place in range(ACCOUNTS)]
    )
    database.commit()
    return lambda: None


def single(count: int, seed: int) -> Callable[[], None]:
    database = connect()
    cursor = database.cursor()
    asked = list(pairs(count, seed))

    def run() -> None:
        for debit, credit in asked:
            cursor.execute(
                "UPDATE account SET balance = balance + IF(id = %s, -%s, %s) WHERE id IN (%s, %s)",
                (debit, UNIT, UNIT, debit, credit),
            )
            cursor.execute("INSERT INTO head (at) VALUES (NOW(6))")
            head = cursor.lastrowid
            cursor.execute(
                "INSERT INTO leg (head_id, account_id, amount) VALUES (%s, %s, %s), (%s, %s, %s)",
                (head, debit, -UNIT, head, credit, UNIT),
            )
            database.commit()

    return run


def batch(count: int, size: int) -> Callable[[], None]:
    database = connect()
    cursor = database.cursor()
    asked = list(pairs(count, size))
    cursor.execute("SELECT COALESCE(MAX(id), 0) FROM head")
    (last,) = cursor.fetchone()

    def run() -> None:
        for start in range(0, count, size):
            some = asked[start : start + size]
            moved: Counter[int] = Counter()
            legs = []
            for head, (debit, credit) in enumerate(some, last + start + 1):
                moved[debit] -= UNIT
                moved[credit] += UNIT
                legs += [(head, debit, -UNIT), (head, credit, UNIT)]
            heads = [(head,) for head in range(last + start + 1, last + start + len(some) + 1)]
            cursor.executemany(
                "INSERT INTO account (id, balance) VALUES (%s, %s)"
                " ON DUPLICATE KEY UPDATE balance = balance + VALUES(balance)",
                sorted(moved.items()),
            )
            cursor.executemany(
                "INSERT INTO head (id, at) VALUES (%s, '2026-01-01 00:00:00')", heads
            )
            cursor.executemany(
                "INSERT INTO leg (head_id, account_id, amount) VALUES (%s, %s, %s)", legs
            )
            database.commit()

    return run


if __name__ == "__main__":
    play(prepare=prepare, single=single, batch=batch)
