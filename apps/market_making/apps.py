from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MarketMakingConfig(AppConfig):
    name = "apps.market_making"
    label = "market_making"
    verbose_name = _("Market making")
    default_auto_field = "django.db.models.BigAutoField"
