"""Everything that a centre process loads, loaded: what centre processes are forked from."""

import celery.apps.beat
import celery.bin.celery
import celery.worker.consumer  # noqa: F401

import ironbull.celery
from ironbull.management.commands import paper_exchange  # noqa: F401
from workers import embedded_broker, redis_broker  # noqa: F401

ironbull.celery.app.loader.import_default_modules()
ironbull.celery.app.finalize()
