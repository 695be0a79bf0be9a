"""Addresses of the arena's pages and of its document; its calls stand under `api/`."""

from django.urls import path, re_path

from apps.arena import pages
from apps.arena.api import face
from apps.core.openapi import pages as documents

urlpatterns = [
    *documents(face),
    path("arena/", pages.arena_page, name="arena"),
    re_path(r"^arena/models/(?P<model_id>[^/]+)/$", pages.model_page, name="arena-model"),
]
