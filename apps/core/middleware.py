"""What every request gets: a content policy, an actor for the audit trail, its reader's time."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.utils import timezone

from apps.core import audit

# As columns take it; no address is longer, but a header may be.
LONGEST_ADDRESS = 64
# Nothing comes from another host, and no script stands inside a page. Alpine evaluates the
# expressions of Unfold's templates, and writes styles: the two words that remain are for it.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


def content_security(get_response):
    def middleware(request):
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


def audit_actor(get_response):
    def middleware(request):
        user = request.user
        name = user.get_username() if user.is_authenticated else "anonymous"
        with audit.acting(name, source=address_of(request)):
            return get_response(request)

    return middleware


def own_time(get_response):
    """Times are told in the zone of whoever reads them."""

    def middleware(request):
        with timezone.override(zone_of(request.user)):
            return get_response(request)

    return middleware


def zone_of(user) -> ZoneInfo:
    """A person's own zone; the installation's for everybody else, and where it is known no more."""
    try:
        return ZoneInfo(getattr(user, "time_zone", "") or settings.TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(settings.TIME_ZONE)


def address_of(request) -> str:
    """Where the request came from; behind our own proxy, what that proxy wrote down last."""
    if settings.SECURE_PROXY_SSL_HEADER:
        hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if hops[-1].strip():
            return hops[-1].strip()[:LONGEST_ADDRESS]
    return request.META.get("REMOTE_ADDR", "")[:LONGEST_ADDRESS]
