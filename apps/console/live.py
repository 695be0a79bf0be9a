"""Pages that are told as a stream of events to whoever asks for them so."""

import copy

from django.http import HttpResponse
from django.utils import timezone, translation

from apps.core.admin import tenant_in_view
from apps.core.live import HUB, Gone, LiveResponse, Parts, Watch
from apps.core.middleware import address_of
from apps.tenants.selectors import rights_of

STREAM = "text/event-stream"


def live_pages(get_response):
    """Watch the page that was asked for as a stream, for whoever may see it.

    Who may look is decided by the page's own view. It is not asked again for somebody with the
    same rights while another one looks: the page is shown to both alike.
    """

    def middleware(request):
        if request.method != "GET" or request.headers.get("Accept") != STREAM:
            return get_response(request)
        hub = request.META.get(HUB)
        if hub is None:
            return HttpResponse(status=204)
        key, first = key_of(request, request.get_full_path()), None
        if not hub.knows(key):
            request.live_parts = {}
            response = get_response(request)
            if response.status_code != 200 or not request.live_parts:
                # None of the pages that are told so, or it has a stream of its own.
                return response
            first = Parts(request.live_parts)
        seen = request.headers.get("Last-Event-ID", "")
        return watched(request, key, again(get_response, request), first=first, seen=seen)

    return middleware


def key_of(request, address: str) -> tuple:
    """Whoever has the same key is shown the same at this address."""
    _login, rights = standing(request)
    tenant = tenant_in_view(request) if rights is not None else None
    language, zone = translation.get_language(), timezone.get_current_timezone_name()
    return address, rights, tenant and tenant.pk, language, zone


def standing(request) -> tuple[int | None, object]:
    """The login behind a request, and its rights; a stranger has neither."""
    login = getattr(request, "login", None)
    if login is None:
        return None, None
    if not hasattr(request, "_rights"):
        request._rights = rights_of([login.pk], now=timezone.now()).get(login.pk)
    return login.pk, request._rights


def watched(request, key, read, *, seen: str, **about) -> LiveResponse:
    login, rights = standing(request)
    watch = Watch(key, read, login=login, rights=rights, source=address_of(request), **about)
    is_packed = "gzip" in request.headers.get("Accept-Encoding", "")
    return LiveResponse(watch, seen=seen, is_packed=is_packed)


def again(get_response, request):
    """How the page is read again, as whoever came first sees it."""
    language, zone = translation.get_language(), timezone.get_current_timezone()

    def read(before):
        asked = copy.copy(request)
        asked.live_parts = {}
        with translation.override(language), timezone.override(zone):
            response = get_response(asked)
        if response.status_code != 200 or not asked.live_parts:
            raise Gone
        return Parts(asked.live_parts, before)

    return read
