"""Intakes, whose secret is shown once, and what came in by them."""

from django.contrib import admin, messages
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.core.admin import FactAdmin, HouseAdmin, VerbForm, ask, page_link, run_each, verb_action
from apps.intake import services
from apps.intake.models import Incoming, Intake


class IntakeForm(VerbForm):
    class Meta:
        model = Intake
        fields = services.FIELDS

    def write(self, **values):
        if self.instance.pk:
            return services.update_intake(intake=self.instance, **values)
        self.opened = services.create_intake(**values)
        return self.opened.intake


@display(description=_("How to use it"))
def page_column(intake):
    return page_link("console:intake", intake.pk, _("Address, template, try it"))


@admin.register(Intake)
class IntakeAdmin(HouseAdmin):
    form = IntakeForm
    list_display = [
        *("name", "strategy", "status", "repeat_seconds", "oldest_seconds", "most_off_percent"),
        *("wrong_secrets", "wrong_at", "created_at", page_column),
    ]
    list_filter = ["status", "strategy", "created_at"]
    search_fields = ["name", "strategy__name"]
    actions = ["activate", "rehearse", "pause", "rotate"]
    leads_to = [(_("Incoming alerts"), "intake_incoming", "intake__id__exact")]

    activate = verb_action(
        _("Activate"),
        lambda row: services.activate_intake(intake=row),
        question=_("From now on every alert of these intakes is traded by whoever follows."),
    )
    rehearse = verb_action(_("Dry run"), lambda row: services.rehearse_intake(intake=row))
    pause = verb_action(_("Pause"), lambda row: services.pause_intake(intake=row))

    @action(description=_("New secret"), permissions=["change"])
    def rotate(self, request, queryset):
        if "confirmed" not in request.POST:
            question = _("Alerts with the secret of now are refused at once.")
            return ask(self, request, queryset, title=_("New secret"), question=question)

        def rotate_and_show(intake):
            self.show(request, services.rotate_intake_secret(intake=intake))

        return run_each(self, request, queryset, rotate_and_show)

    def get_readonly_fields(self, request, obj=None):
        return [] if obj is None else ["status", "wrong_secrets", "wrong_at", page_column]

    def secrets(self):
        return [*super().secrets(), "token", "secret_digest"]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if not change:
            self.show(request, form.opened)

    def show(self, request, opened):
        told = _("The secret of %(intake)s, shown once: %(secret)s")
        messages.warning(request, told % {"intake": opened.intake, "secret": opened.secret})


@admin.register(Incoming)
class IncomingAdmin(FactAdmin):
    list_display = [
        *("created_at", "intake", "read_as", "outcome", "field", "problem", "closed", "opened"),
    ]
    list_filter = ["outcome", "intake", "created_at"]
    search_fields = ["read_as", "problem", "body"]
    list_select_related = ["intake", "closed__strategy", "opened__strategy"]
    is_chained = False
