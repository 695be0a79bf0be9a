"""Addresses of the console, inside the admin."""

from django.contrib import admin
from django.urls import path

from apps.console import views


def inside(view):
    """A view behind the admin's login."""
    return admin.site.admin_view(view)


app_name = "console"
urlpatterns = [
    path("trace/<uuid:fact_id>/", inside(views.trace_page), name="trace"),
    path(
        "recharge/tenant/<int:tenant_id>/",
        inside(views.recharge_tenant_page),
        name="recharge-tenant",
    ),
    path(
        "recharge/member/<int:member_id>/",
        inside(views.recharge_member_page),
        name="recharge-member",
    ),
    path("tenant-in-view/", inside(views.switch_tenant), name="switch-tenant"),
]
