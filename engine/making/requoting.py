"""Whether an order is still the one that is wanted; if not, what is wrong with it."""

from engine.making.actions import Why
from engine.making.rules import Rules
from engine.making.units import BPS
from engine.parts import part

# As a compiled look says it; what is not quoted is to go, for a reason that it does not know.
NOTHING, MISSING, PRICE, SIZE, AGE, GONE = range(6)
WHY = {MISSING: Why.MISSING, PRICE: Why.PRICE, SIZE: Why.SIZE, AGE: Why.AGE}


@part
def why_replaced(
    rules: Rules,
    stands_at: int,
    left: int,
    since_ms: int,
    price: int,
    quantity: int,
    now_ms: int,
) -> int:
    """The same quote is never replaced, however old: it would only lose its place in the queue."""
    age = (now_ms - since_ms) / 1000
    if (stands_at == price and left == quantity) or age < rules.min_order_age_seconds:
        return NOTHING
    if abs(price - stands_at) / stands_at * BPS > rules.requote_bps:
        return PRICE
    if abs(quantity - left) > rules.requote_size_ratio * max(quantity, left):
        return SIZE
    return AGE if age >= rules.order_ttl_seconds else NOTHING
