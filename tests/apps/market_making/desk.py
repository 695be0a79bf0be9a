"""What the tests of makers share: one on a living node, and the node's signed reports."""

from decimal import Decimal

from django.utils import timezone

from apps.market_making import services
from apps.market_making.selectors import last_session
from engine.envelope import sign
from engine.making.names import Namer
from engine.messages import Fill, MakerAlert, MakerMove, MakerOrder, MakerReport, number
from engine.order import OrderStatus
from engine.signal import Side
from tests.factories import InstrumentFactory, MakerFactory, NodeFactory, VenueAccountFactory


class Desk:
    """A maker on the paper venue, and the node that its account is at."""

    def __init__(self, **account):
        self.now = timezone.now()
        InstrumentFactory()
        self.node = NodeFactory(last_heartbeat_at=self.now)
        self.account = VenueAccountFactory(node=self.node, position_mode="one_way", **account)
        self.maker = MakerFactory(venue_account=self.account)

    def start(self):
        services.start_maker(maker=self.maker, now=self.now)
        return self.session

    @property
    def session(self):
        return last_session(self.maker)

    @property
    def now_ms(self):
        return int(self.now.timestamp() * 1000)

    def name(self, number):
        """The name of one of its orders."""
        return Namer(self.maker.pk, 1).name(number)

    def moves(self, *states):
        return [MakerMove(to=state, reason="so", at_ms=self.now_ms) for state in states]

    def hear(self, *states, node=None, **told):
        """A report of a life that has come through these states."""
        node = node or self.node
        values = {
            "session": str(self.session.pk),
            "life": 1,
            "done": 1,
            "moves": self.moves(*states),
            "told_at_ms": self.now_ms,
        }
        envelope = sign(
            MakerReport(**{**values, **told}),
            sender=node.code,
            receiver="centre",
            key=node.sign_private,
        )
        services.record_report(envelope=envelope, now=self.now)

    def alert(self, kind="flat", level="info"):
        return MakerAlert(level=level, kind=kind, facts={"steps": "1"}, at_ms=self.now_ms)

    def run(self):
        self.start()
        self.hear("starting", "running")


def order(name, side=Side.BUY, quantity="0.01", *, price="50000", fee="1", fills=None, **told):
    """An order that has filled whole in one fill, unless told otherwise."""
    if fills is None:
        fills = [fill(f"fill-{name}", quantity, price=price, fee=fee)]
    filled = sum((Decimal(one.quantity) for one in fills), Decimal(0))
    is_whole = filled == Decimal(quantity)
    values = {
        "client_order_id": name,
        "side": side,
        "quantity": quantity,
        "price": price,
        "status": OrderStatus.FILLED if is_whole else OrderStatus.OPEN,
        "fills": fills,
    }
    return MakerOrder(**{**values, **told})


def fill(name, quantity, *, price="50000", fee="1"):
    return Fill(
        venue_fill_id=name,
        quantity=number(Decimal(quantity)),
        price=price,
        fee=fee,
        filled_at_ms=1_800_000_000_000,
    )
