"""What every admin page shares: whose rows are shown, what may be done, how it looks."""

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth import get_permission_codename
from django.core.paginator import Paginator
from django.db import models, transaction
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from import_export.admin import ExportActionModelAdmin
from import_export.formats.base_formats import CSV, XLSX
from import_export.resources import ModelResource, modelresource_factory
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.contrib.import_export.forms import ExportForm
from unfold.dataclasses import SearchResult
from unfold.decorators import action, display
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from apps.core import audit
from apps.core.errors import DomainError
from apps.core.exports import safe_cell
from apps.core.fields import PointsField, SealedField
from apps.core.models import AuditEntry, IdempotencyKey, RefusedMessage
from engine.errors import EngineError

TENANT_KEY = "tenant_in_view"
# More rows than these become a file in the background.
EXPORTED_AT_ONCE = 5000
# How many rows of a kind the command palette shows.
FOUND = 5
# How each status is painted, whatever it is the status of.
PAINT = {
    **dict.fromkeys(["active", "done", "filled", "settled", "planned"], "success"),
    **dict.fromkeys(["completed", "delivered"], "success"),
    **dict.fromkeys(["pending", "waiting", "approved", "queued", "running"], "info"),
    **dict.fromkeys(["published", "open", "sent", "new", "unsettled"], "info"),
    **dict.fromkeys(
        ["unknown", "parked", "paused", "draining", "stopped", "expired", "canceled"], "warning"
    ),
    **dict.fromkeys(["refused", "rejected", "failed", "revoked", "suspended"], "danger"),
    **dict.fromkeys(["disabled", "dead"], "danger"),
}


def tenant_in_view(request):
    """The tenant whose rows are shown, or None for all of them.

    A tenant's own staff never see another's; platform staff may look through one.
    """
    if request.user.tenant_id:
        return request.user.tenant
    chosen = request.session.get(TENANT_KEY)
    if chosen is None:
        return None
    # Every list of the palette asks for it.
    if getattr(request, "_tenant_in_view", None) is None:
        tenants = request.user._meta.get_field("tenant").related_model.objects
        request._tenant_in_view = tenants.filter(pk=chosen).first()
    return request._tenant_in_view


def environment(request):
    """The badge on every page: through which tenant one looks, as far as it is one."""
    tenant = tenant_in_view(request) if request.user.is_authenticated else None
    if tenant is None:
        return None
    return [tenant.name, "info" if request.user.tenant_id else "warning"]


def may_see(request, model) -> bool:
    model_admin = admin.site._registry.get(model)
    return model_admin is not None and model_admin.has_view_permission(request)


def search(request, term: str) -> list[SearchResult]:
    """What the command palette finds: pages and commands by their titles, a few rows of each kind,
    and any fact by its id."""
    found = [
        SearchResult(title=str(page["title"]), description="", link=page["link"], icon=page["icon"])
        for page in pages_for(request)
        if term in str(page["title"]).lower()
    ]
    for model, model_admin in admin.site._registry.items():
        if isinstance(model_admin, HouseAdmin) and may_see(request, model):
            kind = str(capfirst(model._meta.verbose_name))
            found += [
                SearchResult(title=str(row), description=kind, link=row_page(row), icon="link")
                for row in model_admin.found(request, term)
            ]
    return found


def pages_for(request) -> list[dict[str, Any]]:
    """The pages of the sidebar, and the commands, that this user has."""
    groups = settings.UNFOLD["SIDEBAR"]["navigation"]
    pages = [page for group in groups for page in group["items"]] + settings.COMMANDS
    return [page for page in pages if page.get("permission", bool)(request)]


def plain(value) -> str:
    """A number without the zeros that only say how wide its column is."""
    return "–" if value is None else f"{value.normalize():,f}"


def row_page(row) -> str:
    """The address of a row's own page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def change_link(row):
    """A link to a row's own page."""
    return format_html('<a class="text-link" href="{}">{}</a>', row_page(row), row)


def rows_link(page: str, text, **lookups):
    """A link to a list of rows, filtered."""
    address = f"{reverse(f'admin:{page}_changelist')}?{urlencode(lookups)}"
    return format_html('<a class="text-link" href="{}">{}</a>', address, text)


def page_link(page: str, key, text):
    """A link to a page about one row."""
    return format_html('<a class="text-link" href="{}">{}</a>', reverse(page, args=[key]), text)


# A page asks for its columns more than once, and compares them: each is made once.
@cache
def number_column(field):
    @display(description=capfirst(field.verbose_name), ordering=field.name)
    def column(row):
        return format_html('<span class="number">{}</span>', plain(getattr(row, field.name)))

    return column


@cache
def moment_column(field):
    @display(description=capfirst(field.verbose_name), ordering=field.name)
    def column(row):
        at = getattr(row, field.name)
        if at is None:
            return "–"
        local = timezone.localtime(at)
        return format_html(
            '<time class="number whitespace-nowrap" datetime="{0}" title="{0}">{1}</time>',
            local.isoformat(),
            local.strftime("%Y-%m-%d %H:%M:%S"),
        )

    return column


@cache
def link_column(field, *, is_linked: bool):
    @display(description=capfirst(field.verbose_name), ordering=field.name)
    def column(row):
        related = getattr(row, field.name)
        if related is None:
            return "–"
        return change_link(related) if is_linked else str(related)

    return column


@display(description=_("Status"), ordering="status", label=PAINT)
def status_column(row):
    return row.status, row.get_status_display()


@display(description=_("Trace"))
def trace_column(row):
    return page_link("console:trace", row.pk, _("Trace"))


def ways_column(ways):
    """Links from a row to the rows that followed from it."""

    @display(description=_("Leads to"))
    def column(row):
        links = ((rows_link(page, title, **{lookup: row.pk}),) for title, page, lookup in ways)
        return format_html('<span class="ways">{}</span>', format_html_join(" · ", "{}", links))

    return column


class HouseResource(ModelResource):
    """What is exported: exact numbers, and no cell that a spreadsheet would run."""

    def export_field(self, field, instance, force_native_type=False, **kwargs):
        value = field.get_value(instance)
        if force_native_type and isinstance(value, int | Decimal):
            # A sheet of numbers can be summed; they are written with all their digits.
            return value
        if isinstance(value, int | Decimal | datetime):
            return safe_cell(value)
        return safe_cell(super().export_field(field, instance, **kwargs))


class KeyedPages:
    """Of a page first the keys are looked for, and then those rows alone.

    Asked for all at once, with what is shown beside them, a database may join every row of a
    million before it sorts them and keeps fifty.
    """

    def page(self, number):
        page = super().page(number)
        keys = list(page.object_list.select_related(None).values_list("pk", flat=True))
        page.object_list = self.object_list.filter(pk__in=keys)
        return page


class CountedPaginator(KeyedPages, Paginator):
    """Pages of what can be counted at each look."""


class EndlessPaginator(KeyedPages, InfinitePaginator):
    """Pages of what is too much to be counted."""


class HouseAdmin(ModelAdmin, ExportActionModelAdmin):
    """A list that shows a tenant its own, exports what it shows, and records what is changed."""

    export_form_class = ExportForm
    formats = [CSV, XLSX]
    paginator = CountedPaginator
    # One row is exported from its list, where its scope is.
    show_change_form_export = False
    list_per_page = 50
    list_after_template = "console/saved_filters.html"
    show_full_result_count = False
    list_filter_submit = True
    formfield_overrides = {PointsField: {"widget": UnfoldAdminDecimalFieldWidget}}
    # Links that follow the chain on: (title, admin page, lookup).
    leads_to: list[tuple[object, str, str]] = []

    def names_tenant(self) -> bool:
        return any(field.name == "tenant" for field in self.model._meta.fields)

    def is_tenant_owned(self) -> bool:
        """Whether a tenant's own staff have pages of it."""
        return self.names_tenant()

    # --- whose rows

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        tenant = tenant_in_view(request)
        if tenant is None:
            return rows
        if self._is_hidden(request):
            return rows.none()
        # What belongs to the platform is shown to its own staff, through a tenant or not.
        return rows.filter(tenant=tenant) if self.names_tenant() else rows

    def get_ordering(self, request):
        return self.ordering or self.model._meta.ordering or ["-pk"]

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        tenant = tenant_in_view(request)
        related = db_field.related_model
        if tenant is not None:
            names = {field.name for field in related._meta.fields}
            if "tenant" in names:
                kwargs.setdefault("queryset", related._base_manager.filter(tenant=tenant))
            elif related is type(tenant):
                kwargs.setdefault("queryset", related._base_manager.filter(pk=tenant.pk))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _is_hidden(self, request) -> bool:
        return bool(getattr(request.user, "tenant_id", None)) and not self.is_tenant_owned()

    def has_module_permission(self, request):
        return not self._is_hidden(request) and super().has_module_permission(request)

    def has_view_permission(self, request, obj=None):
        return not self._is_hidden(request) and super().has_view_permission(request, obj)

    def has_add_permission(self, request):
        return not self._is_hidden(request) and super().has_add_permission(request)

    def has_change_permission(self, request, obj=None):
        return not self._is_hidden(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        # What happened, and whom it happened to, is paused or ended, and never erased.
        return False

    def has_act_permission(self, request):
        """Whether the verbs of a list are this user's; what happened has verbs, and no form."""
        right = get_permission_codename("change", self.opts)
        return self.has_view_permission(request) and request.user.has_perm(
            f"{self.opts.app_label}.{right}"
        )

    def has_trade_permission(self, request):
        return self.has_view_permission(request) and request.user.has_perm("orders.add_ticket")

    def has_export_permission(self, request):
        return self.has_view_permission(request)

    # --- how it looks

    def get_list_display(self, request):
        names = super().get_list_display(request)
        columns = [self._column(name, request) for name in names]
        first = next((field for field in self.model._meta.fields if field.name == names[0]), None)
        if isinstance(first, models.ForeignKey) and self.list_display_links is not None:
            # It leads to the row itself, and a link in a link leads nowhere.
            columns[0] = link_column(first, is_linked=False)
        return [*columns, *self._ways_on(request)]

    def _ways_on(self, request) -> list:
        """Links to what followed, as far as the user has pages of it."""
        ways = [
            (title, page, lookup)
            for title, page, lookup in self.leads_to
            if may_see(request, apps.get_model(*page.rsplit("_", 1)))
        ]
        return [ways_column(ways)] if ways else []

    # What the command palette asks a large table for, each by its index; a small one that names
    # none is looked through like its list.
    found_by: list[str] | None = None

    def found(self, request, term: str) -> list[models.Model]:
        """What the command palette shows of this kind."""
        rows = self.get_queryset(request)
        if self.found_by is None:
            if not self.search_fields:
                return []
            ordered = rows.order_by(*self.get_ordering(request))
            rows, _may_repeat = self.get_search_results(request, ordered, term)
            return list(rows.select_related(*self.get_list_select_related(request))[:FOUND])
        rows = rows.select_related(*self.get_list_select_related(request)).order_by()
        for lookup in self.found_by:
            # One question each: an index serves no two of them at once.
            asked = {"id": as_id, "number": as_number}.get(lookup)
            key = asked(term) if asked else term
            if key is None or (asked is as_id and not isinstance(self.opts.pk, models.UUIDField)):
                continue
            if told := list(rows.filter(**{"pk" if asked else lookup: key})[:FOUND]):
                return told
        return []

    def get_list_filter(self, request):
        names = super().get_list_filter(request)
        through_one = tenant_in_view(request) is not None
        return [self._filter(name) for name in names if not (through_one and name == "tenant")]

    def get_list_select_related(self, request):
        shown = super().get_list_display(request)
        fields = {field.name: field for field in self.model._meta.fields}
        return [name for name in shown if isinstance(fields.get(name), models.ForeignKey)] + list(
            self.list_select_related or []
        )

    def _column(self, name, request):
        if not isinstance(name, str):
            return name
        field = next((field for field in self.model._meta.fields if field.name == name), None)
        if name == "status" and field is not None:
            return status_column
        if isinstance(field, PointsField | models.DecimalField):
            return number_column(field)
        if isinstance(field, models.DateTimeField):
            return moment_column(field)
        if isinstance(field, models.ForeignKey):
            return link_column(field, is_linked=may_see(request, field.related_model))
        return name

    def _line(self, name, request):
        """A field on the row's own page, where Unfold paints no labels."""
        return name if name == "status" else self._column(name, request)

    def _filter(self, name):
        if not isinstance(name, str):
            return name
        field = get_fields_from_path(self.model, name)[-1]
        if isinstance(field, models.DateTimeField):
            return (name, RangeDateTimeFilter)
        if isinstance(field, models.ForeignKey):
            return (name, RelatedDropdownFilter)
        return (name, ChoicesDropdownFilter) if field.choices else name

    # --- what leaves

    def secrets(self) -> list[str]:
        """Names of what is neither exported nor asked for."""
        return [
            field.name
            for field in self.model._meta.fields
            if isinstance(field, SealedField) or field.name == "password"
        ]

    def get_export_resource_classes(self, request):
        hidden = {"exclude": self.secrets()}
        return [modelresource_factory(self.model, HouseResource, meta_options=hidden)]

    def get_export_queryset(self, request):
        keys = [
            field.name for field in self.model._meta.fields if isinstance(field, models.ForeignKey)
        ]
        many = [field.name for field in self.model._meta.many_to_many]
        rows = super().get_export_queryset(request)
        return rows.select_related(*keys).prefetch_related(*many)

    def export_action(self, request):
        # A file of many rows would hold its reader, and a web worker, for minutes.
        is_whole = self.has_export_permission(request) and "export_items" not in request.POST
        if is_whole and self.is_large(self.get_export_queryset(request)):
            return self.export_later(request)
        return super().export_action(request)

    def export_admin_action(self, request, queryset):
        if self.is_large(queryset):
            return self.export_later(request)
        return super().export_admin_action(request, queryset)

    def is_large(self, rows) -> bool:
        return rows.order_by()[EXPORTED_AT_ONCE : EXPORTED_AT_ONCE + 1].exists()

    def export_later(self, request):
        query = request.GET.copy()
        query["of"] = self.opts.label_lower
        return redirect(f"{reverse('console:new-export')}?{query.urlencode()}")

    def changelist_view(self, request, extra_context=None):
        saved = request.user.saved_filters.filter(page=self._list_name())
        return super().changelist_view(request, {"saved_filters": saved, **(extra_context or {})})

    def _list_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_changelist"

    def get_valid_export_item_pks(self, request):
        # Only what was chosen is looked up, and only among the rows that may be seen.
        chosen = self.get_queryset(request).filter(pk__in=request.POST.getlist("export_items"))
        return chosen.values_list("pk", flat=True)

    def response_change(self, request, obj):
        return ModelAdmin.response_change(self, request, obj)

    def lookup_allowed(self, lookup, value, request=None):
        # A filter on a secret would spell it out, letter by letter.
        if any(part in self.secrets() for part in lookup.split("__")):
            return False
        return super().lookup_allowed(lookup, value, request)

    # --- what is recorded

    def save_model(self, request, obj, form, change):
        if isinstance(form, VerbForm):
            # The service wrote the row, and its own audit entry.
            return
        super().save_model(request, obj, form, change)
        changed = [name for name in form.changed_data if "password" not in name]
        audit.record(
            "admin.changed" if change else "admin.added",
            obj,
            before={name: told(form.initial.get(name)) for name in changed} if change else None,
            after={name: told(form.cleaned_data.get(name)) for name in changed},
        )


def as_id(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


def as_number(term: str) -> int | None:
    return int(term) if term.isdecimal() and len(term) < 19 else None


def told(value):
    """A form's value as the audit trail keeps it: rows by their keys, the rest as text."""
    if isinstance(value, models.Model):
        return told(value.pk)
    if isinstance(value, models.QuerySet | list):
        return sorted(told(row) for row in value)
    return str(value)


class FactAdmin(HouseAdmin):
    """What happened: to be read, followed and exported, and never written here.

    There may be millions: what is searched is a whole word (`=`) or how one begins (`^`), so that
    an index finds it, and no two of them are of different tables.
    """

    paginator = EndlessPaginator

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def get_fields(self, request, obj=None):
        return self.get_readonly_fields(request, obj)

    def get_readonly_fields(self, request, obj=None):
        shown = [
            field
            for field in self.model._meta.fields
            if not isinstance(field, SealedField) and field.name != "open_key"
        ]
        trace = [trace_column] if self.is_chained else []
        columns = [self._line(field.name, request) for field in shown]
        return [*columns, *trace, *self._ways_on(request)]

    # There are too many facts to look through their texts: they are found by their id.
    found_by = ["id"]

    # Whether the trace knows it.
    is_chained = True

    def get_list_display(self, request):
        columns = super().get_list_display(request)
        return [*columns, trace_column] if self.is_chained else columns


def run_each(model_admin, request, queryset, verb, *, title="") -> TemplateResponse | None:
    """Do a verb to every row chosen; one that is refused stops no other, and says why.

    Of several rows, what became of each is told on a page.
    """
    results = []
    for row in queryset:
        try:
            verb(row)
        except (DomainError, EngineError) as error:
            messages.error(request, f"{row}: {error.message}")
            results.append((row, error.message))
        else:
            results.append((row, ""))
    done = sum(not refused for _row, refused in results)
    if done:
        messages.success(request, _("Done: %(count)s") % {"count": done})
    if len(results) < 2 or not title:
        return None
    context = model_admin.admin_site.each_context(request)
    told = [(row_page(row), row, refused) for row, refused in results]
    return TemplateResponse(
        request, "admin/verb_results.html", {**context, "title": title, "results": told}
    )


def verb_action(title, verb, *, question=None):
    """An action of a list that calls one service for each row chosen.

    Where there is a question, or several rows are meant, nothing is done before it is confirmed.
    """

    @action(description=title, permissions=["act"])
    def run(self, request, queryset):
        is_asked = question is not None or len(queryset[:2]) > 1
        if is_asked and "confirmed" not in request.POST:
            return ask(self, request, queryset, title=title, question=question)
        return run_each(self, request, queryset, verb, title=title)

    return run


def page_action(title, page):
    """An action that leads to a page about the rows chosen, which asks before anything is done."""

    @action(description=title, permissions=["trade"])
    def run(self, request, queryset):
        # As many as an address holds; the page shows whom it means.
        keys = list(queryset.values_list("pk", flat=True)[: self.list_per_page])
        return redirect(f"{reverse(page)}?{urlencode({self.opts.model_name: keys}, doseq=True)}")

    return run


def ask(model_admin, request, queryset, *, title, question):
    return TemplateResponse(
        request,
        "admin/confirm_verb.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": title,
            "question": question
            or _("This will be done to each of these rows: %(verb)s.") % {"verb": title},
            "rows": queryset[: model_admin.list_per_page],
            "count": queryset.count(),
            "action": request.POST["action"],
            "select_across": request.POST.get("select_across", "0"),
            "chosen": request.POST.getlist("_selected_action"),
        },
    )


class VerbForm(forms.ModelForm):
    """A form whose last check is the service itself: what that refuses is told on its field.

    `write` gets the cleaned values and gives the row back.
    """

    # Where a form calls a field otherwise than the service does.
    told_on: dict[str, str] = {}

    def _post_clean(self):
        if self.errors:
            return
        try:
            with transaction.atomic():
                self.instance = self.write(**self.cleaned_data)
        except (DomainError, EngineError) as error:
            named = str(error.context.get("field", ""))
            field = self.told_on.get(named, named)
            self.add_error(field if field in self.fields else None, error.message)

    def write(self, **values):
        raise TypeError(f"{type(self).__name__} does not say which service it calls")

    def save(self, commit=True):
        return self.instance

    def save_m2m(self):
        """The service wrote everything."""


@admin.register(AuditEntry)
class AuditEntryAdmin(FactAdmin):
    list_display = ["number", "at", "actor", "source", "action", "subject", "tenant"]
    list_filter = ["at", "tenant"]
    search_fields = ["actor", "action", "subject"]
    is_chained = False

    # A tenant's own staff are not told where the platform's people sit.
    def get_list_display(self, request):
        columns = super().get_list_display(request)
        return [name for name in columns if not (name == "source" and request.user.tenant_id)]

    def get_readonly_fields(self, request, obj=None):
        fields = super().get_readonly_fields(request, obj)
        return [name for name in fields if not (name == "source" and request.user.tenant_id)]


@admin.register(RefusedMessage)
class RefusedMessageAdmin(FactAdmin):
    list_display = ["last_seen_at", "queue", "reason", "times", "created_at"]
    list_filter = ["last_seen_at"]
    search_fields = ["queue", "reason", "digest"]
    is_chained = False


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(FactAdmin):
    list_display = ["created_at", "scope", "key"]
    search_fields = ["scope", "key"]
    is_chained = False
