"""The brokers that this house can use, by the scheme of their address.

kombu imports a transport when its address is first opened, so a host without Redis
needs no Redis client.
"""

from kombu.transport import TRANSPORT_ALIASES


def register() -> None:
    """Make kombu know `embedded:///path/of/the/file`, and our way with `redis://`."""
    TRANSPORT_ALIASES["embedded"] = "workers.embedded_broker:Transport"
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "workers.redis_broker:Transport"
