"""The symbols as one venue lists them: its names, its contracts, its ticks and lots."""

from dataclasses import dataclass
from decimal import Decimal

from engine.paper.errors import Reason, Refused


@dataclass(frozen=True, slots=True)
class Listing:
    symbol: str
    name: str
    contract: Decimal  # coins in one contract
    lot: Decimal  # the smallest step of a quantity, in contracts
    tick: Decimal

    @property
    def base(self) -> str:
        return self.symbol.partition("/")[0]

    def coins(self, contracts: Decimal) -> Decimal:
        if contracts % self.lot:
            raise Refused(Reason.BAD_QUANTITY, "no multiple of the lot", lot=self.lot)
        return contracts * self.contract

    def contracts(self, coins: Decimal) -> Decimal:
        return coins / self.contract


class Listings:
    def __init__(self, *listings: tuple[str, str, str, str, str]) -> None:
        made = [
            Listing(symbol, name, Decimal(contract), Decimal(lot), Decimal(tick))
            for symbol, name, contract, lot, tick in listings
        ]
        self._by_name = {listing.name: listing for listing in made}
        self._by_symbol = {listing.symbol: listing for listing in made}

    def all(self) -> list[Listing]:
        return list(self._by_name.values())

    def named(self, name: str) -> Listing:
        if name not in self._by_name:
            raise Refused(Reason.UNKNOWN_SYMBOL, "not listed here", symbol=name)
        return self._by_name[name]

    def of(self, symbol: str) -> Listing:
        return self._by_symbol[symbol]
