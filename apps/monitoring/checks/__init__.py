"""What is watched: each check looks at one thing, and says a figure for each subject it finds."""

from apps.monitoring.checks import machine, money, outside, trading
from apps.monitoring.checks.check import Check, Measure

CHECKS = {
    check.name: check for module in (machine, trading, money, outside) for check in module.CHECKS
}

__all__ = ["CHECKS", "Check", "Measure"]
