"""Everything that a node loads, loaded: what node processes are forked from."""

import celery.bin.celery
import celery.worker.consumer  # noqa: F401

import workers.heartbeat
import workers.making
import workers.state
import workers.tasks  # noqa: F401
from engine.venues import binance, gate, okx  # noqa: F401
from workers import embedded_broker, redis_broker  # noqa: F401
