"""Celery, as the centre runs it. The broker carries hints; the truth is in the database."""

from django.conf import settings

broker_url = settings.BROKER_URL
broker_connection_retry_on_startup = True
broker_transport_options = {
    "visibility_timeout": 60,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    # A Redis that accepts and never answers would otherwise hold a web request for ever.
    "socket_connect_timeout": 5,
    "socket_timeout": 10,
    "socket_keepalive": True,
    # What travels is text, and goes as it is: packed once more it would be a third longer.
    "body_encoding": None,
}
task_default_queue = "centre.default"
task_routes = {
    "signals.*": {"queue": "centre.scan"},
    # What takes up again what was left over, never waits behind it.
    "*.sweep": {"queue": "centre.scan"},
    # From a signal to its tickets at their nodes: nothing that waits for others stands before it.
    "copying.copy": {"queue": "centre.dispatch"},
    "orders.plan": {"queue": "centre.dispatch"},
    "orders.dispatch": {"queue": "centre.dispatch"},
    "orders.record_reports": {"queue": "centre.reports"},
    "orders.record_state": {"queue": "centre.states"},
    "market_making.record_report": {"queue": "centre.reports"},
    "market_making.renew_leases": {"queue": "centre.scan"},
    "traders.wake": {"queue": "centre.scan"},
    "traders.take_turn": {"queue": "centre.minds"},
    # It takes as long as the books are.
    "monitoring.verify": {"queue": "centre.backtests"},
    "tallies.mend": {"queue": "centre.backtests"},
    "nodes.*": {"queue": "centre.heartbeats"},
    "console.export": {"queue": "centre.backtests"},
    "backtests.work": {"queue": "centre.backtests"},
    "backtests.search": {"queue": "centre.searches"},
}
accept_content = ["json"]
task_serializer = "json"
task_ignore_result = True
task_acks_late = True
task_reject_on_worker_lost = True
worker_prefetch_multiplier = 1
worker_enable_remote_control = False
worker_hijack_root_logger = False
beat_max_loop_interval = 1
beat_scheduler = "ironbull.beat:Scheduler"
beat_schedule_filename = str(settings.VAR / "beat-schedule")
worker_consumer = "workers.consumer:RefusingConsumer"
# Where messages go that are not what they claim to be.
message_refuser = "apps.core.tasks:keep_refused"
