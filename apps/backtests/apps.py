from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BacktestsConfig(AppConfig):
    name = "apps.backtests"
    label = "backtests"
    verbose_name = _("Backtests")
    default_auto_field = "django.db.models.BigAutoField"
