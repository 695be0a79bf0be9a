from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CopyingConfig(AppConfig):
    name = "apps.copying"
    label = "copying"
    verbose_name = _("Copying")
    default_auto_field = "django.db.models.BigAutoField"
