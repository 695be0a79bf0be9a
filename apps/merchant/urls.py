"""The addresses of the Merchant API: its two faces, and whether it is there at all."""

from django.http import JsonResponse
from django.urls import path

from apps.core.openapi import pages
from apps.merchant.v1 import face as v1
from apps.merchant.v2 import face as v2


def health(request):
    return JsonResponse({"status": "ok", "service": "merchant-api"})


# The one with the longer prefix first: it knows better what is not there.
FACES = (v2, v1)
urlpatterns = [
    path("health", health),
    *(url for face in FACES for url in (*pages(face), face.urls())),
]
