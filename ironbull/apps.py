"""Whoever starts Django can publish: the Celery app is made with it, not only in workers."""

from django.apps import AppConfig

from ironbull.celery import app


class IronbullConfig(AppConfig):
    name = "ironbull"
    label = "ironbull"
    celery = app
