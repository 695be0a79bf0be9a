"""The addresses of the Merchant API: the published one, and whether it is there at all."""

from django.http import JsonResponse
from django.urls import path

from apps.merchant.v1 import face as v1


def health(request):
    return JsonResponse({"status": "ok", "service": "merchant-api"})


FACES = (v1,)
urlpatterns = [path("health", health), *(url for face in FACES for url in face.urls())]
