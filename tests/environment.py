"""What the tests run in: secrets and files of their own, made before any setting is read.

pytest loads this as its first plugin (`-p tests.environment`). The addresses in
DATABASE_URL and BROKER_URL are kept, everything else about the host is not.
"""

import atexit
import base64
import os
import secrets
import shutil
import tempfile
from pathlib import Path

ADDRESSES = ("DATABASE_URL", "BROKER_URL")
SECRETS = ("SEAL_KEYS", "AUDIT_KEY", "CENTRE_SIGNING_KEY")
SETTINGS = (
    *("SECRET_KEY", "DEBUG", "HTTPS", "BEHIND_PROXY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"),
    *("TICKET_SECONDS", "SIGNAL_SECONDS", "SWEEP_AFTER_SECONDS", "NODE_SILENT_SECONDS"),
    *("STATE_SECONDS", "BACKTESTS_RUNNING", "BACKTEST_SECONDS", "MAKER_LEASE_SECONDS"),
    *("TRADER_LEASE_SECONDS", "WEB_THREADS"),
    *("BACKTEST_PROCESSES", "BACKTEST_REPORT_DAYS"),
    *(
        "PAPER_BOOK",
        "LOG_LEVEL",
        "FAILPOINT",
        "WEBHOOK_PRIVATE_TARGETS",
        "MEMORY_URL",
        "SECOND_FACTOR",
        "MERCHANT_TIME_ZONE",
        "CANDLE_DIRECTORY",
        "ARENA_EXPORT",
        "VENUE_BASE_URLS",
    ),
)


def prepare() -> Path:
    """Give this run its own directory and secrets; the product's own `var/` is never touched."""
    var = Path(tempfile.mkdtemp(prefix="ironbull-test-"))
    atexit.register(shutil.rmtree, var, ignore_errors=True)
    (var / "static").mkdir()
    for name in SETTINGS:
        os.environ.pop(name, None)
    for name in ADDRESSES:
        if not os.environ.get(name):
            os.environ.pop(name, None)
    for name in SECRETS:
        os.environ[name] = base64.b64encode(secrets.token_bytes(32)).decode()
    os.environ["SECRET_KEY"] = secrets.token_urlsafe(50)
    os.environ["HTTPS"] = "no"
    os.environ["IRONBULL_VAR"] = str(var)
    return var


VAR = prepare()
