"""Public pages and calls know nobody: whoever comes with a login is a visitor like all others.

So nothing of a login is read there, and they are told while the database is away.
"""

import re

from django.conf import settings

from apps.arena.api import face

PAGES = re.compile("/arena(/|$)")
CALLS = [re.compile("/" + re.sub("<[^>]+>", "[^/]+", call.path) + "$") for call in face.calls]


def nobody(get_response):
    def middleware(request):
        if is_public(request):
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        return get_response(request)

    return middleware


def is_public(request) -> bool:
    path = request.path_info
    return bool(PAGES.match(path)) or any(call.match(path) for call in CALLS)
