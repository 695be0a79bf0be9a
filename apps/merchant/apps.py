from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MerchantConfig(AppConfig):
    name = "apps.merchant"
    label = "merchant"
    verbose_name = _("Merchant API")
    default_auto_field = "django.db.models.BigAutoField"
