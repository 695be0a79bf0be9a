"""Addresses of the console, inside the admin."""

from django.contrib import admin
from django.urls import path

from apps.console import views

app_name = "console"
urlpatterns = [
    path("trace/<uuid:fact_id>/", admin.site.admin_view(views.trace_page), name="trace"),
]
