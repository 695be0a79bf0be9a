"""Who may come in: every call of the Merchant API passes here, and each refusal has its own code.

The key, the time and the signature are looked at first; then whether the key still opens, from
this network, with this scope; then the nonce is remembered and the call counted, in one step.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime

from apps.core.errors import DomainError
from apps.core.face import body_of
from apps.core.memory import Admission, Counter, Verdict
from apps.core.middleware import address_of
from apps.merchant import errors
from apps.merchant.ring import Key, Ring, keyring, nobody
from apps.merchant.signing import Signed, is_same, old_signature, signature
from apps.quotas.errors import CallsUsedUp
from apps.quotas.services import admit
from apps.quotas.services.calls import MONTH_SECONDS, seconds_until_it_ends
from apps.tenants.models import Tenant
from apps.tenants.services import ACCESS, note_use

WINDOW_SECONDS = 300
# A nonce is remembered for as long as its timestamp could be good: both ends of the window.
NONCE_SECONDS = 2 * WINDOW_SECONDS + 1
LONGEST_NONCE = 64
# Where WSGI keeps the four headers: to ask for them by name would look at every header there is.
HEADERS = {
    header: "HTTP_" + header.upper().replace("-", "_")
    for header in ("X-App-Key", "X-Timestamp", "X-Sign", "X-Nonce")
}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who was let in, and what is left of their calls."""

    key: Key
    # What is left of its calls, told with every answer.
    headers: dict[str, str]

    @property
    def actor(self) -> str:
        """Its name in the audit trail."""
        return f"app key {self.key.key[:8]}"

    @property
    def keys_of(self) -> str:
        """Whose idempotency keys it brings."""
        return f"merchant:{self.key.tenant.pk}"


@dataclass(frozen=True, slots=True, repr=False)
class Shown:
    """The four headers of a signed request."""

    key: str
    timestamp: str
    nonce: str
    sign: str


def enter(request, *, scope: str | None, now: datetime) -> Visitor:
    """Let a request in, or say why not."""
    shown = shown_by(request)
    check_time(shown.timestamp, now)
    while True:
        ring = keyring().now()
        try:
            check_remembered(shown.timestamp, ring)
            key = owner_of(request, shown, ring, now)
            check_scope(key, scope)
        except DomainError:
            # Nobody is refused for what was changed a moment ago.
            if keyring().is_fresh(ring):
                raise
        else:
            admission = admit(
                tenant_id=key.tenant.pk,
                allowance=key.allowance,
                nonce=f"nonce:{key.pk}:{shown.nonce}" if shown.nonce else None,
                nonce_seconds=NONCE_SECONDS,
                version=(ACCESS, ring.version),
                now=now,
            )
            if admission.verdict is not Verdict.STALE:
                break
        keyring().read()
    check_admission(admission, now)
    note_use(app_key_id=key.pk, now=now)
    return Visitor(key, left(key, admission))


def owner_of(request, shown: Shown, ring: Ring, now: datetime) -> Key:
    """The key that signed the request, if it opens now and from here."""
    key = ring.keys.get(shown.key)
    is_signed = was_signed(request, shown, key or nobody())
    if key is None:
        raise errors.WrongKey("the app key is not known")
    if not is_signed:
        raise errors.WrongSignature("the signature is not that of this request and key")
    if not shown.nonce and not key.is_legacy:
        raise errors.OldSignatureRefused("sign the whole request, with X-Nonce")
    check_key(key, now)
    check_network(key, address_of(request))
    return key


def check_scope(key: Key, scope: str | None) -> None:
    if scope is not None and scope not in key.scopes:
        raise errors.MissingScope(f"this key has no scope {scope}", scope=scope)


def shown_by(request) -> Shown:
    told = {header: request.META.get(name, "").strip() for header, name in HEADERS.items()}
    nonce = told.pop("X-Nonce")
    for header, value in told.items():
        if not value:
            raise errors.MissingHeader(f"the header {header} is missing", header=header)
    if len(nonce) > LONGEST_NONCE:
        raise errors.MissingHeader(
            f"the header X-Nonce has at most {LONGEST_NONCE} characters", header="X-Nonce"
        )
    return Shown(told["X-App-Key"], told["X-Timestamp"], nonce, told["X-Sign"])


def check_time(timestamp: str, now: datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise errors.BadTimestamp("X-Timestamp is whole seconds since 1970")
    if abs(int(now.timestamp()) - int(timestamp)) > WINDOW_SECONDS:
        raise errors.Expired(
            f"the request was signed more than {WINDOW_SECONDS} seconds ago, or ahead"
        )


def check_remembered(timestamp: str, ring: Ring) -> None:
    """Refuse what was signed before nonces were remembered: it may have been here already."""
    if int(timestamp) <= ring.began:
        raise errors.Expired("the request was signed before the platform's memory began")


def was_signed(request, shown: Shown, key: Key) -> bool:
    """Whether the key's owner signed this; the same steps for every key, known or not."""
    if not shown.nonce:
        expected = old_signature(key.key, key.secret, shown.timestamp)
        return is_same(expected, shown.sign)
    signed = Signed(
        method=request.method,
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
        body=body_of(request),
        timestamp=shown.timestamp,
        nonce=shown.nonce,
    )
    return is_same(signature(key.secret, signed), shown.sign)


def check_key(key: Key, now: datetime) -> None:
    if not key.is_active or (key.expires_at is not None and key.expires_at <= now):
        raise errors.KeyRevoked("the app key was revoked")
    if key.tenant.status != Tenant.Status.ACTIVE:
        raise errors.TenantSuspended("the tenant is suspended")


def check_network(key: Key, address: str) -> None:
    if not key.networks:
        return
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        here = None
    # As a socket of both versions tells an address of the fourth.
    here = getattr(here, "ipv4_mapped", None) or here
    if here is None or not any(here in network for network in key.networks):
        raise errors.WrongNetwork("this key is not used from this address", address=address)


def check_admission(admission: Admission, now: datetime) -> None:
    if admission.verdict is Verdict.REPLAYED:
        raise errors.Replayed("this X-Nonce was used before")
    if admission.verdict is Verdict.FULL:
        counter = admission.counter
        span = span_of(counter)
        raise CallsUsedUp(
            f"the plan allows {counter.limit} calls per {span}",
            limit=counter.limit,
            per=span,
            retry_after=seconds_until_it_ends(counter=counter, now=now),
        )


def span_of(counter: Counter) -> str:
    return "month" if counter.seconds == MONTH_SECONDS else "day"


def left(key: Key, admission: Admission) -> dict[str, str]:
    """What is left of the day and the month, as headers; nothing where there is no limit."""
    limits = (key.allowance.daily, key.allowance.monthly)
    headers = {}
    for name, limit, used in zip(("Day", "Month"), limits, admission.at, strict=True):
        if limit:
            headers[f"X-RateLimit-Limit-{name}"] = str(limit)
            headers[f"X-RateLimit-Remaining-{name}"] = str(max(0, limit - used))
    return headers


def headers_of(error: DomainError) -> dict[str, str]:
    """What a refusal tells beside its body: when to come again, and of which calls none is left."""
    about, headers = error.context, {}
    if "retry_after" in about:
        headers["Retry-After"] = str(about["retry_after"])
    if isinstance(error, CallsUsedUp):
        span = str(about["per"]).title()
        headers[f"X-RateLimit-Limit-{span}"] = str(about["limit"])
        headers[f"X-RateLimit-Remaining-{span}"] = "0"
    return headers


def header(name: str, description: str) -> dict[str, str]:
    return {"type": "apiKey", "in": "header", "name": name, "description": description}


# The four headers, as the documents tell them.
SECURITY = {
    "AppKey": header("X-App-Key", "The app key."),
    "Timestamp": header("X-Timestamp", "Whole seconds since 1970, five minutes off at most."),
    "Nonce": header("X-Nonce", "A word that no other request of the key has, 64 characters long."),
    "Sign": header("X-Sign", "HMAC-SHA256 of the request under the secret, in hex."),
}
