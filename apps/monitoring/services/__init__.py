"""The verbs of monitoring: what is watched, who is told, and what a person says to it."""

from apps.monitoring.services.channels import (
    create_channel,
    pause_channel,
    resume_channel,
    try_channel,
)
from apps.monitoring.services.chats import allow_chat, bar_chat, prune_chats
from apps.monitoring.services.handling import acknowledge_alert, end_silence, silence
from apps.monitoring.services.notices import deliver, prune_alerts, send_again
from apps.monitoring.services.pulses import pulse, send_probes
from apps.monitoring.services.rules import change_rule, ensure_rules
from apps.monitoring.services.verifying import verify
from apps.monitoring.services.watching import watch

__all__ = [
    "acknowledge_alert",
    "allow_chat",
    "bar_chat",
    "change_rule",
    "create_channel",
    "deliver",
    "end_silence",
    "ensure_rules",
    "pause_channel",
    "prune_alerts",
    "prune_chats",
    "pulse",
    "resume_channel",
    "send_again",
    "send_probes",
    "silence",
    "try_channel",
    "verify",
    "watch",
]
