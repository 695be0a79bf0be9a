"""How the admin looks, and its sidebar, sorted by the job people come to do."""

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def page(title, icon: str, model: str) -> dict[str, object]:
    """A list of the admin; shown to those who may see it."""
    app, _underscore, name = model.rpartition("_")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model}_changelist"),
        "permission": lambda request: (
            request.user.has_perm(f"{app}.view_{name}")
            and (request.user.tenant_id is None or model in TENANTS_OWN)
        ),
    }


# What a tenant's own staff have pages of.
TENANTS_OWN = {
    *("orders_ticket", "orders_order", "orders_fill", "positions_position", "positions_close"),
    *("strategies_tenantstrategy", "strategies_subscription", "members_member"),
    *("copying_copier", "copying_copy", "risk_riskrule"),
    *("venues_equitysnapshot", "venues_payment"),
    *("venues_venueaccount", "pointcards_charge", "rewards_pool", "rewards_reward"),
    *("rewards_withdrawal", "backtests_run", "backtests_trial"),
    *("market_making_maker", "market_making_session", "market_making_version"),
    *("market_making_command", "market_making_notice", "market_making_reading"),
    *("traders_trader", "traders_decision", "traders_item", "traders_call", "traders_mind"),
    *("traders_template", "traders_manager", "traders_spending", "traders_sample"),
    *("traders_shade", "traders_allocation", "traders_seat", "traders_duel"),
    *("ledger_account", "ledger_transfer", "core_auditentry", "tenants_policy"),
    *("pointcards_highwatermark", "tenants_appkey", "quotas_usage"),
}

TRADE = [
    {"title": _("Dashboard"), "icon": "dashboard", "link": reverse_lazy("admin:index")},
    page(_("Signals"), "sensors", "signals_signal"),
    page(_("Tickets"), "confirmation_number", "orders_ticket"),
    page(_("Orders"), "receipt_long", "orders_order"),
    page(_("Fills"), "done_all", "orders_fill"),
    page(_("Positions"), "stacked_line_chart", "positions_position"),
    page(_("Closes"), "flag", "positions_close"),
    {
        "title": _("Risk rules"),
        "icon": "shield",
        "link": reverse_lazy("console:risk"),
        "permission": lambda request: request.user.has_perm("risk.view_riskrule"),
    },
    {
        "title": _("Refusals"),
        "icon": "block",
        "link": reverse_lazy("console:refusals"),
        "permission": lambda request: request.user.has_perm("orders.view_ticket"),
    },
    page(_("Strategies"), "psychology", "strategies_strategy"),
    page(_("Tenant strategies"), "storefront", "strategies_tenantstrategy"),
    page(_("Subscriptions"), "subscriptions", "strategies_subscription"),
    page(_("Copying subscriptions"), "group_add", "copying_copier"),
    page(_("Copies"), "content_copy", "copying_copy"),
    page(_("Alert intakes"), "input", "intake_intake"),
    page(_("Incoming alerts"), "mark_chat_unread", "intake_incoming"),
    page(_("Backtests"), "query_stats", "backtests_run"),
    page(_("Makers"), "swap_vert", "market_making_maker"),
    page(_("AI traders"), "smart_toy", "traders_trader"),
    page(_("Decisions"), "lightbulb", "traders_decision"),
    page(_("Managers of traders"), "pie_chart", "traders_manager"),
    page(_("Duels of prompts"), "compare_arrows", "traders_duel"),
    page(_("Language models"), "neurology", "traders_mind"),
    page(_("Prompt templates"), "description", "traders_template"),
    page(_("Published files"), "newsmode", "arena_source"),
    page(_("Equity snapshots"), "monitoring", "venues_equitysnapshot"),
    page(_("Venue payments"), "currency_exchange", "venues_payment"),
    page(_("Instruments"), "candlestick_chart", "venues_instrument"),
]
PEOPLE = [
    page(_("Tenants"), "apartment", "tenants_tenant"),
    page(_("Members"), "group", "members_member"),
    page(_("Levels"), "military_tech", "members_level"),
    page(_("Standings"), "leaderboard", "members_standing"),
    page(_("Level changes"), "trending_up", "members_levelchange"),
    page(_("Users"), "admin_panel_settings", "tenants_user"),
    {
        "title": _("My exports"),
        "icon": "download",
        "link": reverse_lazy("console:exports"),
    },
    {
        "title": _("My logins"),
        "icon": "devices",
        "link": reverse_lazy("console:logins"),
    },
    page(_("Logins"), "login", "tenants_login"),
    page(_("Failed logins"), "lock", "tenants_loginfailure"),
]
MONEY = [
    {
        "title": _("Money"),
        "icon": "monitoring",
        "link": reverse_lazy("console:money"),
        "permission": lambda request: request.user.has_perm("ledger.view_account"),
    },
    page(_("Charges"), "payments", "pointcards_charge"),
    page(_("High-water marks"), "water", "pointcards_highwatermark"),
    page(_("Profit pools"), "savings", "rewards_pool"),
    page(_("Rewards"), "redeem", "rewards_reward"),
    page(_("Withdrawals"), "outbound", "rewards_withdrawal"),
    page(_("Ledger accounts"), "account_balance", "ledger_account"),
    page(_("Transfers"), "swap_horiz", "ledger_transfer"),
    page(_("Policies"), "gavel", "tenants_policy"),
    page(_("Plans"), "sell", "quotas_plan"),
    page(_("Tenants' plans"), "inventory", "quotas_tenantplan"),
    page(_("Usage"), "bar_chart", "quotas_usage"),
]
OPERATIONS = [
    page(_("Alerts"), "notifications_active", "monitoring_alert"),
    page(_("Alert rules"), "rule", "monitoring_rule"),
    page(_("Alert channels"), "forward_to_inbox", "monitoring_channel"),
    page(_("Silences"), "notifications_off", "monitoring_silence"),
    page(_("Alert notices"), "outgoing_mail", "monitoring_notice"),
    page(_("Operators' chats"), "forum", "monitoring_chat"),
    page(_("Commands by chat"), "chat", "monitoring_chatcommand"),
    page(_("Verifications"), "fact_check", "monitoring_verification"),
    page(_("Tallies"), "calculate", "tallies_tally"),
    page(_("Pulses"), "ecg_heart", "monitoring_pulse"),
    page(_("Brake"), "front_hand", "orders_brake"),
    page(_("Nodes"), "dns", "nodes_node"),
    page(_("Venue accounts"), "key", "venues_venueaccount"),
    page(_("Watches"), "visibility", "strategies_watch"),
    page(_("Candle feeds"), "rss_feed", "venues_feed"),
    page(_("App keys"), "vpn_key", "tenants_appkey"),
    page(_("Webhook endpoints"), "webhook", "tenants_endpoint"),
    page(_("Webhook events"), "campaign", "tenants_event"),
    page(_("Webhook deliveries"), "outbox", "tenants_delivery"),
    page(_("Refused messages"), "block", "core_refusedmessage"),
    page(_("Audit trail"), "history", "core_auditentry"),
    page(_("Idempotency keys"), "fingerprint", "core_idempotencykey"),
]


def command(title, icon: str, address: str, right: str) -> dict[str, object]:
    """What the command palette can begin, for whoever may."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(address),
        "permission": lambda request: request.user.has_perm(right),
    }


COMMANDS = [
    command(_("New backtest"), "add_chart", "console:start-run", "backtests.add_run"),
    command(_("New maker"), "add_box", "console:new-maker", "market_making.add_maker"),
    command(_("Pull the brake"), "front_hand", "admin:orders_brake_add", "orders.add_brake"),
    command(_("New tenant"), "add_business", "admin:tenants_tenant_add", "tenants.add_tenant"),
    command(_("New member"), "person_add", "admin:members_member_add", "members.add_member"),
    command(_("New user"), "group_add", "admin:tenants_user_add", "tenants.add_user"),
    command(
        _("Bind a venue account"),
        "add_link",
        "admin:venues_venueaccount_add",
        "venues.add_venueaccount",
    ),
    command(
        _("New subscription"),
        "bookmark_add",
        "admin:strategies_subscription_add",
        "strategies.add_subscription",
    ),
]

UNFOLD: dict[str, object] = {
    "SITE_TITLE": "IronBull",
    "SITE_HEADER": "IronBull",
    "SITE_SYMBOL": "candlestick_chart",
    "SITE_URL": None,
    "LOGIN": {"form": "apps.console.logins.LoginForm"},
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("ironbull/favicon.svg"),
        }
    ],
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "apps.console.dashboard.dashboard",
    "STYLES": [lambda request: static("ironbull/console.css")],
    "ENVIRONMENT": "apps.core.admin.environment",
    "COMMAND": {"search_callback": "apps.core.admin.search"},
    "SCRIPTS": [
        lambda request: static("ironbull/keys.js"),
        lambda request: static("ironbull/live.js"),
    ],
    "ACCOUNT": {
        "navigation": [
            {"title": _("My settings"), "link": reverse_lazy("console:settings")},
            {"title": _("Change password"), "link": reverse_lazy("console:password")},
            {"title": _("Keyboard"), "link": reverse_lazy("console:keys")},
        ],
    },
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": [
            {"title": _("Trade"), "separator": True, "items": TRADE},
            {"title": _("People"), "separator": True, "collapsible": True, "items": PEOPLE},
            {"title": _("Money"), "separator": True, "collapsible": True, "items": MONEY},
            {"title": _("Operations"), "separator": True, "collapsible": True, "items": OPERATIONS},
        ],
    },
}
