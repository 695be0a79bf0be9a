"""Fields of the house: exact points, and secrets that only open in place."""

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

from django import forms
from django.core import checks
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.expressions import Combinable, register_combinable_fields
from django.utils.translation import gettext_lazy as _

from apps.core import sealed
from engine.money import UNIT

EXPONENT = -UNIT.as_tuple().exponent
# Wide enough for every amount; anything that would have to be rounded raises instead.
EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow])


class PointsField(models.Field):
    """A decimal amount, stored as whole units of 1e-8: exact in every database.

    In SQL the column is an integer, so arithmetic on it wants points on both sides:
    `F("credits") + Points(amount)`. A bare decimal would be added as units; it raises.
    """

    description = _("points, in whole units of 0.00000001")
    LARGEST_UNITS = 2**63 - 1

    def db_type(self, connection):
        return models.BigIntegerField().db_type(connection)

    def from_db_value(self, value, expression, connection):
        # Averages come with a fraction of a unit, which is cut off.
        return None if value is None else int(value) * UNIT

    def to_python(self, value):
        if value is None or isinstance(value, Decimal):
            return value
        if isinstance(value, float):
            raise ValidationError(_("points are never floats"), code="invalid")
        try:
            return Decimal(value)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise ValidationError(_("not a number of points"), code="invalid") from error

    def get_prep_value(self, value):
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return self.units(self.to_python(value))

    def validate(self, value, model_instance):
        super().validate(value, model_instance)
        if value is not None:
            self.units(value)

    def units(self, amount: Decimal) -> int:
        if not amount.is_finite():
            raise ValidationError(_("not a finite number of points"), code="invalid")
        try:
            units = amount.scaleb(EXPONENT, EXACT)
            whole = units.to_integral_exact(context=EXACT)
        except ArithmeticError as error:
            raise ValidationError(
                _("points have at most eight decimals"), code="invalid"
            ) from error
        if abs(whole) > self.LARGEST_UNITS:
            raise ValidationError(_("more points than can be kept"), code="invalid")
        return int(whole)

    def formfield(self, **kwargs):
        return super().formfield(
            **{
                "form_class": forms.DecimalField,
                "max_digits": 19,
                "decimal_places": EXPONENT,
                **kwargs,
            }
        )

    def value_to_string(self, obj):
        value = self.value_from_object(obj)
        return None if value is None else format(self.to_python(value), "f")


class Points(models.Value):
    """An amount of points inside an SQL expression."""

    def __init__(self, amount):
        super().__init__(amount, output_field=PointsField())


class NotPoints:
    """What points and a bare number make together: a mistake, in units of 1e-8."""

    def __init__(self):
        raise TypeError('points are added to points: write F("credits") + Points(amount)')


for operation in (Combinable.ADD, Combinable.SUB):
    register_combinable_fields(PointsField, operation, PointsField, PointsField)
for operation in (Combinable.ADD, Combinable.SUB, Combinable.MUL, Combinable.DIV):
    for number in (models.IntegerField, models.DecimalField, models.FloatField):
        register_combinable_fields(PointsField, operation, number, NotPoints)
        register_combinable_fields(number, operation, PointsField, NotPoints)


class SealedField(models.TextField):
    """A secret sealed at rest and bound to its row's owner; reading the row opens nothing.

    The attribute holds the sealed text; `sealed.unseal` opens it where it is needed, so
    that a secret is never in memory, a log or a page by accident. `binding` says, in
    terms of the row, where the secret belongs: "venue_account:{row.member_id}:…".
    """

    description = _("sealed secret")

    def __init__(self, *args, binding="", **kwargs):
        kwargs.setdefault("editable", False)
        self.binding = binding
        super().__init__(*args, **kwargs)

    def binding_of(self, row) -> str:
        return self.binding.format(row=row)

    def seal(self, row, secret: str) -> None:
        """Put a secret into a row, sealed; the row is saved by whoever asked."""
        setattr(row, self.attname, sealed.seal(secret, binding=self.binding_of(row)))

    def unseal(self, row) -> str:
        return sealed.unseal(getattr(row, self.attname), binding=self.binding_of(row))

    def check(self, **kwargs):
        if self.binding:
            return super().check(**kwargs)
        told = "a sealed field names its binding, or its secrets cannot be sealed anew"
        return [*super().check(**kwargs), checks.Error(told, obj=self, id="core.E001")]

    def get_prep_value(self, value):
        if value and not sealed.is_sealed(value):
            raise ValidationError(
                _("a secret was not sealed before it was saved"), code="not_sealed"
            )
        return super().get_prep_value(value)


class PriceField(models.DecimalField):
    """Prices and quantities: wide, exact in Python, never computed on in SQL."""

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("max_digits", 36)
        kwargs.setdefault("decimal_places", 18)
        super().__init__(*args, **kwargs)
