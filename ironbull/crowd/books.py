"""The ledger of a crowd: it counts as the real one does, but at moments long past."""

from collections.abc import Iterable
from datetime import datetime
from random import Random
from uuid import UUID

from apps.core import bulk
from apps.ledger.models import Account, Transfer
from apps.ledger.services import ID, Counts, chunks
from ironbull.crowd.plan import id_at, kept_moment

OF_TRANSFER = (
    *("id", "created_at", "tenant_id", "key", "debit_id", "credit_id", "amount", "reason"),
    *("debit_number", "debit_balance", "credit_number", "credit_balance"),
)
Name = tuple[str, str]


class Books:
    """Counts in hand, and lines not yet written; `write` ends what one transaction moves."""

    def __init__(self) -> None:
        self.owners: set[str] = set()
        self.counts: dict[Name, Counts] = {}
        self.moved: dict[Name, Counts] = {}
        self.lines: list[tuple] = []

    def read(self, owners: Iterable[str]) -> None:
        """Take the accounts of these owners in hand, as far as they are not."""
        new = sorted(set(owners) - self.owners)
        self.owners.update(new)
        for some in chunks(new):
            rows = Account.objects.across_tenants().filter(owner__in=some)
            names = {
                pk: (owner, kind) for pk, owner, kind in rows.values_list("pk", "owner", "kind")
            }
            for keys in chunks(list(names)):
                for kept in bulk.lock_plain(Account, keys):
                    self.counts[names[kept[ID]]] = Counts(kept)

    def move(
        self,
        *,
        at: datetime,
        key: str,
        debit: Name,
        credit: Name,
        units: int,
        reason: str,
        chance: Random,
    ) -> UUID:
        """Move so many units, and give back the id of the transfer."""
        payer, payee = self.counts[debit], self.counts[credit]
        if units > payer.balance and not payer.may_owe:
            raise ValueError(f"{debit} has {payer.balance} of {units} units")
        payer.debits += units
        payee.credits += units
        for name, account in ((debit, payer), (credit, payee)):
            account.moves += 1
            self.moved[name] = account
        made = id_at(at, chance)
        self.lines.append(
            (
                *(made, kept_moment(at), payer.tenant, key),
                *(payer.kept[ID], payee.kept[ID], units, str(reason)),
                *(payer.moves, payer.balance, payee.moves, payee.balance),
            )
        )
        return made

    def write(self) -> None:
        kept = bulk.id_kept()
        lines = [(kept(made), *line) for made, *line in self.lines]
        bulk.insert_alike(Transfer(), OF_TRANSFER, lines)
        for some in chunks([account.row() for account in self.moved.values()]):
            bulk.upsert_plain(Account, some, update=["debits", "credits", "moves"])
        self.lines, self.moved = [], {}
