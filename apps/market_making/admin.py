"""Makers, their versions, sessions and notices; how one is watched is a page of the console."""

from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import FactAdmin, page_link, verb_action
from apps.market_making.models import Command, Maker, Notice, Reading, Session, Version
from apps.market_making.services import halt_maker, start_maker, stop_maker


@admin.register(Maker)
class MakerAdmin(FactAdmin):
    list_display = [
        *("maker_column", "status_column", "venue_account", "symbol", "version", "tenant"),
        "created_at",
    ]
    list_filter = ["created_at", "tenant"]
    list_select_related = ["venue_account"]
    search_fields = ["symbol", "venue_account__member__email"]
    found_by = ["number", "symbol__istartswith"]
    list_display_links = None
    list_before_template = "console/makers_before.html"
    actions = ["start", "stop", "halt"]
    is_chained = False
    leads_to = [
        (_("Sessions"), "market_making_session", "maker__id__exact"),
        (_("Versions"), "market_making_version", "maker__id__exact"),
    ]

    start = verb_action(_("Start"), lambda row: start_maker(maker=row, now=timezone.now()))
    stop = verb_action(_("Stop"), lambda row: stop_maker(maker=row, now=timezone.now()))
    halt = verb_action(
        _("Halt"),
        lambda row: halt_maker(maker=row, reason="", now=timezone.now()),
        question=_("They take their orders away and close what they hold at the market."),
    )

    @display(description=_("Maker"))
    def maker_column(self, maker):
        return page_link("console:maker", maker.pk, maker)

    def get_queryset(self, request):
        last = Session.rows.filter(maker=OuterRef("pk")).order_by("-pk").values("status")[:1]
        return super().get_queryset(request).annotate(last_status=Subquery(last))

    @display(description=_("Status"), ordering="last_status")
    def status_column(self, maker):
        return Session.Status(maker.last_status or Session.Status.IDLE).label


@admin.register(Version)
class VersionAdmin(FactAdmin):
    list_display = ["created_at", "maker", "number", "form", "asked", "changed_by", "tenant"]
    list_filter = ["form", "created_at", "tenant"]
    list_select_related = ["maker__venue_account"]
    search_fields = ["maker__symbol", "maker__venue_account__member__email", "changed_by"]
    is_chained = False


@admin.register(Session)
class SessionAdmin(FactAdmin):
    list_display = [
        *("created_at", "maker", "status", "reason", "node", "life", "started_by", "reported_at"),
        *("ended_at", "tenant"),
    ]
    list_filter = ["status", "node", "created_at", "tenant"]
    list_select_related = ["maker__venue_account", "node"]
    search_fields = ["maker__symbol", "maker__venue_account__member__email", "started_by"]
    is_chained = False
    leads_to = [
        (_("Commands"), "market_making_command", "session__id__exact"),
        (_("Notices"), "market_making_notice", "session__id__exact"),
        (_("Readings"), "market_making_reading", "session__id__exact"),
    ]


@admin.register(Command)
class CommandAdmin(FactAdmin):
    list_display = [
        *("created_at", "session", "number", "verb", "version", "reason", "asked_by"),
        *("acknowledged_at", "refused_because", "tenant"),
    ]
    list_filter = ["verb", "created_at", "tenant"]
    list_select_related = ["session__maker__venue_account"]
    search_fields = ["session__maker__symbol", "asked_by"]
    is_chained = False


@admin.register(Notice)
class NoticeAdmin(FactAdmin):
    list_display = ["noticed_at", "session", "level", "kind", "facts", "tenant"]
    list_filter = ["level", "kind", "noticed_at", "tenant"]
    list_select_related = ["session__maker__venue_account"]
    search_fields = ["session__maker__symbol", "kind"]
    is_chained = False


@admin.register(Reading)
class ReadingAdmin(FactAdmin):
    list_display = ["read_at", "session", "is_kept", "tenant"]
    list_filter = ["read_at", "tenant"]
    list_select_related = ["session__maker__venue_account"]
    search_fields = ["session__maker__symbol"]
    is_chained = False
