import logging

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.utils.translation import gettext_lazy as _

from engine.strategies.found import Fault, adopt_directory

log = logging.getLogger(__name__)


class StrategiesConfig(AppConfig):
    name = "apps.strategies"
    label = "strategies"
    verbose_name = _("Strategies")
    default_auto_field = "django.db.models.BigAutoField"

    # What is wrong with the files of STRATEGY_DIRECTORY: those are left out.
    faults: list[Fault] = []

    def ready(self):
        if settings.STRATEGY_DIRECTORY:
            self.faults = adopt_directory(settings.STRATEGY_DIRECTORY)
            for fault in self.faults:
                log.error("a strategy was left out: %s", fault)
        checks.register(self.telling())

    def telling(self):
        """What `manage.py check` asks: every file that was left out, and why."""

        def tell(**about):
            return [checks.Warning(str(fault), id="strategies.W001") for fault in self.faults]

        return tell
