"""What beat names, how often, and on which queue. Each task may run twice."""

from celery.schedules import crontab

SCHEDULE: dict[str, dict[str, object]] = {
    "signals.scan": {"task": "signals.scan", "schedule": 1.0, "options": {"expires": 5}},
    "venues.fetch_candles": {
        "task": "venues.fetch_candles",
        "schedule": 2.0,
        "options": {"expires": 5},
    },
    "copying.copy": {"task": "copying.copy", "schedule": 1.0, "options": {"expires": 5}},
    "orders.sweep": {"task": "orders.sweep", "schedule": 2.0, "options": {"expires": 5}},
    "nodes.watch": {"task": "nodes.watch", "schedule": 5.0, "options": {"expires": 5}},
    "orders.tell_drained": {
        "task": "orders.tell_drained",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "orders.ask_states": {"task": "orders.ask_states", "schedule": 5.0, "options": {"expires": 5}},
    # At night, when the day's balances are in; and whenever somebody asks for it.
    "rewards.recompute_levels": {
        "task": "rewards.recompute_levels",
        "schedule": crontab(hour=0, minute=20),
        "options": {"expires": 3600},
    },
    "rewards.sweep": {"task": "rewards.sweep", "schedule": 2.0, "options": {"expires": 5}},
    "backtests.sweep": {"task": "backtests.sweep", "schedule": 5.0, "options": {"expires": 5}},
    "console.sweep": {"task": "console.sweep", "schedule": 30.0, "options": {"expires": 30}},
    "backtests.drop_reports": {
        "task": "backtests.drop_reports",
        "schedule": crontab(hour=1, minute=40),
        "options": {"expires": 3600},
    },
    "market_making.renew_leases": {
        "task": "market_making.renew_leases",
        "schedule": 2.0,
        "options": {"expires": 5},
    },
    "market_making.prune": {
        "task": "market_making.prune",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "intake.prune": {
        "task": "intake.prune",
        "schedule": crontab(hour=2, minute=0),
        "options": {"expires": 3600},
    },
    "arena.export": {"task": "arena.export", "schedule": 60.0, "options": {"expires": 60}},
    "traders.wake": {"task": "traders.wake", "schedule": 1.0, "options": {"expires": 5}},
    "traders.look": {"task": "traders.look", "schedule": 5.0, "options": {"expires": 5}},
    "traders.share_out": {
        "task": "traders.share_out",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "traders.prune": {
        "task": "traders.prune",
        "schedule": crontab(hour=1, minute=55),
        "options": {"expires": 3600},
    },
    # At night: it counts through all there is.
    "monitoring.verify": {
        "task": "monitoring.verify",
        "schedule": crontab(hour=2, minute=10),
        "options": {"expires": 12 * 3600},
    },
    "monitoring.prune_alerts": {
        "task": "monitoring.prune_alerts",
        "schedule": crontab(hour=1, minute=50),
        "options": {"expires": 3600},
    },
    "quotas.keep_usage": {
        "task": "quotas.keep_usage",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "tallies.catch_up": {"task": "tallies.catch_up", "schedule": 10.0, "options": {"expires": 10}},
    "tallies.mend": {
        "task": "tallies.mend",
        "schedule": crontab(hour=2, minute=40),
        "options": {"expires": 12 * 3600},
    },
    "tenants.deliver": {"task": "tenants.deliver", "schedule": 2.0, "options": {"expires": 5}},
    "tenants.prune_logins": {
        "task": "tenants.prune_logins",
        "schedule": crontab(hour=1, minute=20),
        "options": {"expires": 3600},
    },
    "core.prune_keys": {
        "task": "core.prune_keys",
        "schedule": crontab(hour=1, minute=30),
        "options": {"expires": 3600},
    },
    "tenants.prune_webhooks": {
        "task": "tenants.prune_webhooks",
        "schedule": crontab(hour=1, minute=10),
        "options": {"expires": 3600},
    },
}
