"""The exchange of a story that is told over HTTP: its accounts, its faults, its truth."""

from apps.members.models import Member
from apps.venues.models import Instrument
from engine.venues import open_venue
from engine.venues.base import Exchange
from tests.engine.paper.clients import Control
from tests.walks.story import SYMBOL, Story
from workers.vault import Credentials

DIALECTS = ["binance", "okx", "gate"]


class Market:
    """The local exchange, and who owns which account of it."""

    def __init__(self, service, *, cash: int = 10_000) -> None:
        self.address, self.control = service.address, Control(service)
        self.cash = cash
        self.names: dict[int, str] = {}

    def account_of(self, dialect: str, member: Member, **key) -> dict[str, str]:
        """A new account at the exchange, as its owner binds it."""
        made = self.control.open(dialect, self.cash, **key)
        self.names[member.pk] = made["account"]
        keys = {"api_key": made["api_key"], "api_secret": made["secret"]}
        return {"venue": dialect, **keys, "passphrase": made["passphrase"]}

    def adapter(self, dialect: str, name: str) -> Exchange:
        """Our own adapter, as the owner of an account at this exchange."""
        keys = self.control.ask("GET", "/accounts")
        key = next(key for key in keys if key["account"] == name)
        credentials = Credentials(key["api_key"], key["secret"], key["passphrase"])
        return open_venue(dialect, credentials, base_url=self.address)

    def describe(self, dialect: str) -> None:
        """What can be traded there, as the adapter tells it."""
        told = self.adapter(dialect, f"{dialect}-demo").instrument(SYMBOL)
        values = {
            "tick": told.tick,
            "step": told.step,
            "min_quantity": told.min_quantity,
            "min_notional": told.min_notional,
        }
        Instrument.objects.get_or_create(venue=dialect, symbol=SYMBOL, defaults=values)

    def plan(self, story: Story, faults: list[dict[str, object]]) -> None:
        for subscription in story.subscriptions:
            name = self.names[subscription.member.pk]
            for fault in faults:
                self.control.fault(**fault, account=name)

    def truth(self, subscription) -> dict[str, list[dict[str, str]]]:
        return self.control.truth(self.names[subscription.member.pk])
