"""Filters for the console's pages."""

from datetime import timedelta

from django import template
from django.urls import reverse

from apps.console.trace import plain

register = template.Library()


@register.filter
def change_page(row) -> str:
    """The admin's page of a row."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


@register.filter
def lasted(took: timedelta | None) -> str:
    """How long a step took, short enough for a column."""
    if took is None:
        return ""
    seconds = took.total_seconds()
    return f"{seconds * 1000:.0f} ms" if abs(seconds) < 1 else f"{seconds:.1f} s"


@register.filter
def plainly(number) -> str:
    return plain(number)


@register.filter
def percent(share) -> str:
    return f"{plain(share * 100)} %"


@register.filter
def unlocalized(number) -> str:
    """As a picture's attribute wants it, whatever the language of the page."""
    return format(number, "f")
