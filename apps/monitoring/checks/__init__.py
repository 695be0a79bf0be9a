"""What is watched: each check looks at one thing, and says a figure for each subject it finds."""

from apps.monitoring.checks import machine, makers, minds, money, outside, trading
from apps.monitoring.checks.check import Check, Measure

HOMES = (machine, trading, makers, minds, money, outside)
CHECKS = {check.name: check for home in HOMES for check in home.CHECKS}

__all__ = ["CHECKS", "Check", "Measure"]
