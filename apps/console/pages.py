"""How every page of the console is shown: inside the admin's frame."""

from django.contrib import admin
from django.shortcuts import render


def show(request, template: str, title: str, **context):
    return render(
        request, template, {**admin.site.each_context(request), "title": title, **context}
    )
