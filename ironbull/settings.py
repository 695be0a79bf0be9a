"""The one settings module; every value that differs between hosts comes from the environment.

`docs/operations.md` lists the variables. On the embedded default, `var/ironbull.env`
holds the secrets that the first start made.
"""

from pathlib import Path

from engine.venues.local import local_venues
from ironbull import addresses
from ironbull.env import Reader, to_time_zone
from ironbull.sidebar import COMMANDS, UNFOLD  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(Reader().text("IRONBULL_VAR", str(ROOT / "var"))).resolve()
env = Reader(VAR / "ironbull.env")

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY")
# Secrets at rest: the first key seals, all of them open (`apps/core/sealed.py`).
SEAL_KEYS = env.keys("SEAL_KEYS")
# Chains the audit trail; kept outside the database, so that the database alone cannot rewrite it.
AUDIT_KEY = env.keys("AUDIT_KEY")[0]
# Signs what the centre sends to its nodes.
CENTRE_SIGNING_KEY = env.keys("CENTRE_SIGNING_KEY")[0]

# How many pages and calls one web process answers at once.
WEB_THREADS = env.whole("WEB_THREADS", 8, least=1)
# So long a MySQL server may say nothing before its line is given up.
DATABASE_SECONDS = env.whole("DATABASE_SECONDS", 60, least=1)
DATABASES = {
    "default": env.read(
        "DATABASE_URL",
        lambda raw: addresses.database(
            addresses.absolute(raw, ROOT), answer_seconds=DATABASE_SECONDS
        ),
        addresses.database(f"sqlite:///{VAR / 'ironbull.sqlite3'}"),
    )
}
BROKER_URL = env.read(
    "BROKER_URL",
    lambda raw: addresses.broker(addresses.absolute(raw, ROOT)),
    f"embedded:///{VAR / 'broker.sqlite3'}",
)

# Where nonces and counters are remembered: a Redis, or a file beside an embedded broker.
MEMORY_URL = env.read("MEMORY_URL", addresses.memory, addresses.memory(BROKER_URL))

# Strategies of the platform's own, a file each; none unless it is set.
STRATEGY_DIRECTORY = env.read("STRATEGY_DIRECTORY", lambda raw: (ROOT / raw).resolve(), None)
# How many runs of one tenant are worked on at once, and how long one may take.
BACKTESTS_RUNNING = env.whole("BACKTESTS_RUNNING", 2, least=1)
# How many processes one search may have.
BACKTEST_PROCESSES = env.whole("BACKTEST_PROCESSES", 2, least=1)
BACKTEST_SECONDS = env.whole("BACKTEST_SECONDS", 3600, least=1)
# How old the report of a run becomes that nobody keeps; 0 is for ever.
BACKTEST_REPORT_DAYS = env.whole("BACKTEST_REPORT_DAYS", 180, least=0)
# How long a node may still place an order after the ticket was sent.
TICKET_SECONDS = env.whole("TICKET_SECONDS", 10, least=2)
# How long an opening signal is worth a second try; a closing one always is.
SIGNAL_SECONDS = env.whole("SIGNAL_SECONDS", 60, least=2)
# A row that stood this long in a step is taken up again by a sweep.
SWEEP_AFTER_SECONDS = env.whole("SWEEP_AFTER_SECONDS", 4, least=1)
# A venue account is read back from its venue this often.
STATE_SECONDS = env.whole("STATE_SECONDS", 60, least=5)
# A maker that hears nothing of the centre for so long comes to rest by itself.
MAKER_LEASE_SECONDS = env.whole("MAKER_LEASE_SECONDS", 120, least=10)
# So long a trader's worker may be silent, beside the time of its model, before another takes over.
TRADER_LEASE_SECONDS = env.whole("TRADER_LEASE_SECONDS", 20, least=2)
# A node that was silent this long is given no new tickets.
NODE_SILENT_SECONDS = env.whole("NODE_SILENT_SECONDS", 45, least=5)
# Whether webhooks may go to addresses that only this network can reach, and without TLS.
WEBHOOK_PRIVATE_TARGETS = env.flag("WEBHOOK_PRIVATE_TARGETS", False)
# Who may read the figures of the whole at /metrics: nobody, unless there is a token.
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
# Certificates, as PEM files, whose end is watched.
WATCHED_CERTIFICATES = env.read("WATCHED_CERTIFICATES", lambda raw: raw.split(","), [])
# Called once a minute while somebody watches: whoever stops hearing it knows that nobody does.
WATCH_PING_URL = env.text("WATCH_PING_URL", "")
TELEGRAM_URL = env.text("TELEGRAM_URL", "https://api.telegram.org")
# How mail leaves.
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.whole("EMAIL_PORT", 25, least=1)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", False)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "ironbull@localhost")
# The day that merchants' calls are counted by, and the clock of the published Merchant API.
MERCHANT_TIME_ZONE = env.read("MERCHANT_TIME_ZONE", to_time_zone, "Asia/Shanghai")
# The built-in market that the paper venue trades on.
PAPER_BOOK = env.text("PAPER_BOOK", str(VAR / "paper"))

# Where the arena's files are exported to, and told from while the database is away.
ARENA_EXPORT = env.read("ARENA_EXPORT", lambda raw: (ROOT / raw).resolve(), VAR / "arena")
# Where candles are kept for backtests.
CANDLE_DIRECTORY = env.read("CANDLE_DIRECTORY", lambda raw: (ROOT / raw).resolve(), VAR / "candles")
# The journals of AI traders, a directory for each.
TRADER_JOURNALS = VAR / "traders"
# Venues whose candles come from a local exchange.
VENUE_BASE_URLS = env.read("VENUE_BASE_URLS", local_venues, {})

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", [])
# Cookies and redirects insist on TLS unless this host is only reached over loopback.
HTTPS = env.flag("HTTPS", not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
# Whether owners and finance must have a second factor; everybody may.
SECOND_FACTOR = env.flag("SECOND_FACTOR", HTTPS)
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_PROXY", False) else None
)
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "import_export",
    "drf_spectacular_sidecar",
    "ironbull",
    "apps.core",
    "apps.tenants",
    "apps.risk",
    "apps.ledger",
    "apps.quotas",
    "apps.members",
    "apps.nodes",
    "apps.venues",
    "apps.strategies",
    "apps.backtests",
    "apps.signals",
    "apps.intake",
    "apps.positions",
    "apps.orders",
    "apps.pointcards",
    "apps.rewards",
    "apps.tallies",
    "apps.market_making",
    "apps.traders",
    "apps.copying",
    "apps.arena",
    "apps.monitoring",
    "apps.merchant",
    "apps.platform",
    "apps.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.core.middleware.content_security",
    "apps.arena.middleware.nobody",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.core.middleware.audit_actor",
    "apps.core.middleware.own_time",
    "apps.console.logins.page_logins",
    "apps.console.second_factor.second_factor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # The innermost: it asks a page's own view again, and nothing of the doors before it.
    "apps.console.live.live_pages",
]

ROOT_URLCONF = "ironbull.urls"
WSGI_APPLICATION = "ironbull.wsgi.application"
ASGI_APPLICATION = "ironbull.asgi.application"
AUTH_USER_MODEL = "tenants.User"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTHENTICATION_BACKENDS = ["apps.tenants.backends.HouseBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    # Members of the old system, until each has logged in once.
    "apps.members.passwords.OldMD5Hasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [ROOT / "ironbull" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [ROOT / "static"]
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
FIXTURE_DIRS = [ROOT / "fixtures"]

# What other programs see of the platform, by the name of its document.
FACES = {
    "merchant": "apps.merchant.v1.face",
    "merchant-v2": "apps.merchant.v2.face",
    "platform": "apps.platform.urls.face",
    "arena": "apps.arena.api.face",
}

# Unfold would keep what its palette found for minutes, whatever the role and tenant are by then.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

IMPORT_EXPORT_SKIP_ADMIN_LOG = True

LOG_LEVEL = env.text("LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    # Django's own has a level of its own unless it is told.
    "loggers": {"django": {"level": LOG_LEVEL}},
}
SILENCED_SYSTEM_CHECKS: list[str] = []
