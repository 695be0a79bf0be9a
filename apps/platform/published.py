"""Where the published shapes of the arena stand beside the Platform API, under the same prefix.

What only one of them has is at its place. The one address that both have is the Platform API's for
whoever logs in there, and the arena's for everybody else.
"""

import re

from django.urls import URLPattern, re_path
from django.views.decorators.csrf import csrf_exempt

from apps.arena.api import face as arena
from apps.core.face import Face

PLACE = re.compile(r"<str:([a-z_]+)>")


def published(platform: Face) -> list[URLPattern]:
    taken = {call.path for call in platform.calls}
    return [address(platform, path, view, taken) for path, view in arena.views().items()]


def address(platform: Face, path: str, view, taken: set[str]) -> URLPattern:
    if path in taken:
        calls = {call.method: call for call in platform.calls if call.path == path}
        view = either(csrf_exempt(platform.view(calls)), view)
    pattern = PLACE.sub(r"(?P<\1>[^/]+)", re.escape(path).replace(r"\<", "<").replace(r"\>", ">"))
    before = path.partition("<")[0]
    others = [re.escape(one) for one in sorted(taken) if before != path and one.startswith(before)]
    spared = f"(?!(?:{'|'.join(others)})$)" if others else ""
    return re_path(f"^{spared}{pattern}$", csrf_exempt(view))


def either(logged_in, anybody):
    def chosen(request, **places):
        asks_as_nobody = "Authorization" not in request.headers
        is_reading = request.method in ("GET", "HEAD", "OPTIONS")
        view = anybody if asks_as_nobody and is_reading else logged_in
        return view(request, **places)

    chosen.calls = logged_in.calls
    return chosen
