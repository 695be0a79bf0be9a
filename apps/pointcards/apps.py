from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PointcardsConfig(AppConfig):
    name = "apps.pointcards"
    label = "pointcards"
    verbose_name = _("Point cards")
    default_auto_field = "django.db.models.BigAutoField"
