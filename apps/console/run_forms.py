"""The form of a run, made of what the strategy, the terms and the search say of themselves."""

from collections.abc import Iterable
from datetime import timedelta

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.backtests.models import Run
from apps.backtests.terms import Search, Terms
from apps.console.forms import MomentInput
from apps.core.errors import BadInput
from apps.tenants.models import Tenant
from apps.venues.models import Venue
from engine.candle import TIMEFRAMES
from engine.parameters import Parameter, parameters_of
from engine.strategies import LIBRARY, Strategy, describe, space

# A search is to see enough days to tell a ratio of them.
DAYS, DAYS_OF_SEARCH = timedelta(days=7), timedelta(days=30)


class ChooseForm(forms.Form):
    """What is run of what: the rest of the form follows from it."""

    rule = forms.ChoiceField(
        label=gettext_lazy("rule"),
        choices=lambda: [(code, code) for code in LIBRARY],
        widget=UnfoldAdminSelectWidget,
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("kind"), choices=Run.Kind.choices, widget=UnfoldAdminSelectWidget
    )


class DataForm(forms.Form):
    """Whose run it is, and of which candles."""

    tenant = forms.ModelChoiceField(
        Tenant.objects.order_by("name"),
        label=gettext_lazy("tenant"),
        required=False,
        empty_label=gettext_lazy("The platform's own"),
        widget=UnfoldAdminSelectWidget,
    )
    venue = forms.ChoiceField(
        label=gettext_lazy("venue"), choices=Venue.choices, widget=UnfoldAdminSelectWidget
    )
    symbols = forms.CharField(
        label=gettext_lazy("symbols"),
        initial="BTC/USDT",
        help_text=gettext_lazy("Several are separated by commas, and share one account."),
        widget=UnfoldAdminTextInputWidget,
    )
    timeframe = forms.ChoiceField(
        label=gettext_lazy("timeframe"),
        choices=[(name, name) for name in TIMEFRAMES],
        initial="15m",
        widget=UnfoldAdminSelectWidget,
    )
    from_at = forms.DateTimeField(label=gettext_lazy("from"), widget=MomentInput)
    until_at = forms.DateTimeField(label=gettext_lazy("until"), widget=MomentInput)

    def __init__(self, *args, tenant: Tenant | None, **kwargs):
        super().__init__(*args, **kwargs)
        if tenant is not None:
            del self.fields["tenant"]

    def clean_symbols(self):
        return words(self.cleaned_data["symbols"])


class ParametersForm(forms.Form):
    """A field for each parameter, as it declares itself."""

    def __init__(self, told: Iterable[Parameter], *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.told = list(told)
        for one in self.told:
            self.fields[one.name] = field_of(one)

    def values(self) -> dict[str, object]:
        """What was filled in; a field left empty is not asked."""
        return {name: value for name, value in self.cleaned_data.items() if value is not None}


class SpaceForm(forms.Form):
    """What is sought: each parameter between two bounds, in steps, or among choices."""

    def __init__(self, strategy: Strategy, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.spans = space(strategy)
        for name, span in self.spans.items():
            self.fields[f"seek-{name}"] = switch()
            if span.choices:
                continue
            for bound, value in (("least", span.least), ("most", span.most), ("step", None)):
                self.fields[f"{bound}-{name}"] = forms.FloatField(
                    required=False, initial=value, widget=UnfoldAdminDecimalFieldWidget
                )

    def lines(self):
        """Each parameter with its fields, as a table shows them."""
        for name, span in self.spans.items():
            bounds = [] if span.choices else ["least", "most", "step"]
            fields = [self[f"{bound}-{name}"] for bound in bounds]
            yield name, self[f"seek-{name}"], fields, span.choices

    def wishes(self) -> dict[str, dict[str, object]]:
        """As `engine.optimise` is asked."""
        return {
            name: {
                bound: value
                for bound in ("least", "most", "step")
                if (value := self.cleaned_data.get(f"{bound}-{name}")) is not None
            }
            for name in self.spans
            if self.cleaned_data[f"seek-{name}"]
        }


class RunForm:
    """All of them as one: what is asked of a new run."""

    def __init__(self, *, rule: str, kind: str, tenant: Tenant | None, preset: str = "", data=None):
        self.kind, self.tenant, self.strategy = kind, tenant, LIBRARY[rule]
        now = timezone.now().replace(minute=0, second=0, microsecond=0)
        days = DAYS_OF_SEARCH if self.is_search else DAYS
        initial = {"from_at": now - days, "until_at": now}
        preset = dict(self.strategy.presets.get(preset, {}))
        self.data = DataForm(data, prefix="data", tenant=tenant, initial=initial)
        self.params = ParametersForm(describe(self.strategy), data, prefix="params", initial=preset)
        self.terms = ParametersForm(parameters_of(Terms), data, prefix="terms")
        self.forms = [self.data, self.params, self.terms]
        if self.is_search:
            self.space = SpaceForm(self.strategy, data, prefix="space")
            self.search = ParametersForm(parameters_of(Search), data, prefix="search")
            self.forms += [self.space, self.search]

    @property
    def is_search(self) -> bool:
        return self.kind != Run.Kind.BACKTEST

    def is_valid(self) -> bool:
        # Each of them, so that each tells its errors.
        return not [form for form in self.forms if not form.is_valid()]

    def asked(self) -> dict[str, object]:
        """What `start_run` takes."""
        data = dict(self.data.cleaned_data)
        told = {"tenant": self.tenant, **data, "kind": self.kind, "rule": self.strategy.code}
        told |= {"params": self.params.values(), "terms": self.terms.values()}
        if self.is_search:
            sought = self.space.wishes()
            if not sought:
                raise BadInput(_("Choose at least one parameter to seek."), field="space")
            # What is sought is not told beside it.
            told["params"] = {
                name: value for name, value in told["params"].items() if name not in sought
            }
            told |= {"space": sought, "search": self.search.values()}
        return told


def field_of(one: Parameter) -> forms.Field:
    about = {
        "label": one.name,
        "help_text": one.meaning,
        "required": not one.may_be_empty and one.kind != "bool",
        "initial": one.default,
    }
    if one.is_list or one.kind == "object":
        return JsonField(widget=UnfoldAdminTextInputWidget, **about | {"required": False})
    if one.kind == "bool":
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **about)
    if one.kind == "choice":
        choices = [(value, value) for value in one.choices]
        return forms.TypedChoiceField(choices=choices, widget=UnfoldAdminSelectWidget, **about)
    if one.kind == "text":
        return forms.CharField(widget=UnfoldAdminTextInputWidget, **about)
    number = forms.IntegerField if one.kind == "int" else forms.FloatField
    bounds = {"min_value": one.least, "max_value": one.most}
    return number(widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}), **about, **bounds)


class JsonField(forms.CharField):
    """A list as JSON: `[5, 10, 20]`."""

    def prepare_value(self, value):
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()

    def to_python(self, value):
        text = super().to_python(value)
        if not text:
            return None
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise ValidationError(_("not JSON, as in [5, 10]")) from error


def switch() -> forms.BooleanField:
    return forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
