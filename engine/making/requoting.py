"""Whether an order is still the one that is wanted; if not, what is wrong with it."""

from engine.making.actions import Why
from engine.making.desk import Own
from engine.making.params import MakerParams
from engine.making.units import BPS


def why_replaced(
    own: Own, price: int, quantity: int, params: MakerParams, now_ms: int
) -> Why | None:
    """The same quote is never replaced, however old: it would only lose its place in the queue."""
    is_same = own.price == price and own.left == quantity
    age = own.age_ms(now_ms) / 1000
    if is_same or age < params.min_order_age_seconds:
        return None
    if abs(price - own.price) / own.price * BPS > params.requote_bps:
        return Why.PRICE
    if abs(quantity - own.left) > params.requote_size_ratio * max(quantity, own.left):
        return Why.SIZE
    return Why.AGE if age >= params.order_ttl_seconds else None
