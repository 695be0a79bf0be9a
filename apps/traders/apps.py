from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TradersConfig(AppConfig):
    name = "apps.traders"
    label = "traders"
    verbose_name = _("AI traders")
    default_auto_field = "django.db.models.BigAutoField"
