"""What beat names, how often, and on which queue. Each task may run twice."""

SCHEDULE: dict[str, dict[str, object]] = {
    "signals.scan": {"task": "signals.scan", "schedule": 1.0, "options": {"expires": 5}},
    "orders.sweep": {"task": "orders.sweep", "schedule": 2.0, "options": {"expires": 5}},
    "rewards.sweep": {"task": "rewards.sweep", "schedule": 2.0, "options": {"expires": 5}},
}
