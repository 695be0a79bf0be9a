"""Fields of the house: exact points, and secrets that only open in place."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core import sealed
from engine.money import UNIT

UNITS_PER_POINT = int(1 / UNIT)


class PointsField(models.BigIntegerField):
    """A decimal amount, stored as whole units of 1e-8: exact in every database."""

    description = _("points, in whole units of 0.00000001")

    def from_db_value(self, value, expression, connection):
        return None if value is None else Decimal(value) * UNIT

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
        amount = self.to_python(value)
        if not amount.is_finite():
            raise ValidationError(_("not a finite number of points"), code="invalid")
        units = amount / UNIT
        if units != units.to_integral_value():
            raise ValidationError(_("points have at most eight decimals"), code="invalid")
        return int(units)

    def formfield(self, **kwargs):
        kwargs.pop("min_value", None)
        kwargs.pop("max_value", None)
        return models.DecimalField(max_digits=19, decimal_places=8).formfield(**kwargs)

    def value_to_string(self, obj):
        value = self.value_from_object(obj)
        return None if value is None else format(value, "f")

    @property
    def validators(self):
        # The integer range validators of the column do not speak in points.
        return []


class SealedField(models.TextField):
    """A secret sealed at rest and bound to its row's owner; reading the row opens nothing.

    The attribute holds the sealed text. `sealed.open_field(row, name)` opens it, so
    that a secret is never in memory, a log or a page by accident.
    """

    description = _("sealed secret")

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

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
