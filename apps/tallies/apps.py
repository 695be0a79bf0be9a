from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TalliesConfig(AppConfig):
    name = "apps.tallies"
    label = "tallies"
    verbose_name = _("Tallies")
    default_auto_field = "django.db.models.BigAutoField"
