"""Everything that a centre worker loads, loaded: what centre processes are forked from."""

import ironbull.celery
from ironbull.management.commands import paper_exchange  # noqa: F401

ironbull.celery.app.loader.import_default_modules()
ironbull.celery.app.finalize()
