"""The centre's Celery app: queues by purpose, one task one verb."""

import os

from celery import Celery

from ironbull.schedule import SCHEDULE
from workers.brokers import register

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
register()

app = Celery("ironbull", task_cls="workers.checked:CheckedTask")
# Celery keeps the current app per thread; a web server's threads need this one too.
app.set_default()
app.config_from_object("ironbull.celery_settings")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()
