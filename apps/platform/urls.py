"""The addresses of the Platform API."""

from apps.core.openapi import pages
from apps.platform import (
    analytics,
    arena,
    auth,
    by_hand,
    dashboard,
    hooks,
    lists,
    makers,
    masters,
    money,
    nodes,
    parked,
    people,
    plans,
    risk,
    runs,
    steps,
    traders,
    trading,
)
from apps.platform.face import face
from apps.platform.published import published

PARTS = (
    analytics,
    arena,
    auth,
    by_hand,
    dashboard,
    hooks,
    lists,
    makers,
    masters,
    money,
    nodes,
    parked,
    people,
    plans,
    risk,
    runs,
    steps,
    traders,
    trading,
)
urlpatterns = [*pages(face), *published(face), face.urls()]
