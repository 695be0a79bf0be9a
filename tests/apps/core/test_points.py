"""Points are exact: in Python, in the row, in SQL arithmetic and in forms; never a float."""

import json
from decimal import Decimal

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Avg, Case, F, Sum, Value, When
from django.forms import modelform_factory

from apps.core.fields import Points, PointsField
from apps.ledger.models import Account
from apps.members.models import Level
from tests.factories import AccountFactory, LevelFactory

pytestmark = pytest.mark.django_db
D = Decimal
LARGEST = D("92233720368.54775807")


@pytest.mark.parametrize(
    "amount",
    [D(0), D("0.00000001"), D("0.1"), D("1e3"), D("123456789.12345678"), LARGEST, D("2.50")],
)
def test_comes_back_as_it_went_in(amount):
    row = AccountFactory(credits=amount)
    row.refresh_from_db()
    assert row.credits == amount
    assert isinstance(row.credits, Decimal)


def test_a_negative_amount_comes_back():
    row = LevelFactory(number=3, min_team_holding=-LARGEST)
    row.refresh_from_db()
    assert row.min_team_holding == -LARGEST


@pytest.mark.parametrize(
    ("case", "value", "rule"),
    [
        ("a float", 0.1, "never floats"),
        ("not a number", D("NaN"), "finite"),
        ("a signaling not a number", D("sNaN"), "finite"),
        ("infinite", D("Infinity"), "finite"),
        ("infinite, as text", "-Infinity", "finite"),
        ("nine decimals", D("0.000000001"), "eight decimals"),
        ("nine decimals of a large amount", D("12345678901.000000001"), "eight decimals"),
        ("a fraction far below a unit", D("1e-400"), "eight decimals"),
        ("one unit too many", LARGEST + D("0.00000001"), "can be kept"),
        ("one unit too few", -LARGEST - D("0.00000002"), "can be kept"),
        ("astronomic", D("1e999"), "can be kept|eight decimals"),
        ("words", "ten", "not a number"),
        ("a list", [1], "not a number"),
    ],
)
def test_is_refused_by_name(case, value, rule):
    row = AccountFactory(credits=D(5))
    row.credits = value
    with pytest.raises(ValidationError, match=rule), transaction.atomic():
        row.save()
    with pytest.raises(ValidationError, match=rule):
        row.full_clean()
    with pytest.raises(ValidationError, match=rule), transaction.atomic():
        Account.objects.of(row.tenant).update(credits=value)
    row.refresh_from_db()
    assert row.credits == D(5)


def test_arithmetic_in_the_database_is_exact():
    row = AccountFactory(credits=D("0.1"), debits=D(0))
    mine = Account.objects.of(row.tenant).filter(pk=row.pk)
    for _ in range(3):
        mine.update(credits=F("credits") + Points(D("0.10000001")))
    mine.update(debits=F("debits") + Points(D("0.00000003")))
    row.refresh_from_db()
    assert (row.credits, row.debits) == (D("0.40000003"), D("0.00000003"))
    (left,) = mine.annotate(left=F("credits") - F("debits")).values_list("left", flat=True)
    assert left == D("0.4")
    assert isinstance(left, Decimal)


@pytest.mark.parametrize(
    ("case", "expression"),
    [
        ("a bare decimal added", F("credits") + D("1.5")),
        ("a bare decimal taken away", F("credits") - D("1.5")),
        ("a whole number added", F("credits") + 1),
        ("from the left", D("1.5") + F("credits")),
        ("doubled", F("credits") * 2),
        (
            "a decimal chosen by a case",
            Case(When(debits=0, then=Value(D(7))), default=F("credits")),
        ),
        ("a decimal as a value", Value(D(7))),
    ],
)
def test_bare_numbers_in_arithmetic_are_refused(case, expression):
    row = AccountFactory(credits=D(5))
    with pytest.raises(TypeError, match=r"Points\(amount\)"):
        Account.objects.of(row.tenant).update(credits=expression)
    row.refresh_from_db()
    assert row.credits == D(5)


def test_a_case_of_points_is_taken():
    row = AccountFactory(credits=D(5))
    grown = F("credits") + Case(When(pk=row.pk, then=Points(D("0.5"))), default=Points(D(0)))
    Account.objects.of(row.tenant).update(credits=grown)
    row.refresh_from_db()
    assert row.credits == D("5.5")


def test_sums_filters_and_orders_speak_in_points():
    tenant = AccountFactory(credits=D("0.1")).tenant
    AccountFactory(tenant=tenant, credits=D("0.2"))
    AccountFactory(tenant=tenant, credits=D("0.00000001"))
    rows = Account.objects.of(tenant)
    assert rows.aggregate(total=Sum("credits"))["total"] == D("0.30000001")
    assert rows.aggregate(total=Sum(F("credits") - F("debits")))["total"] == D("0.30000001")
    assert rows.aggregate(mean=Avg("credits"))["mean"] == D("0.10000000")
    assert rows.filter(credits__gte=D("0.1")).count() == 2
    assert rows.filter(credits__in=[D("0.2"), "0.1"]).count() == 2
    assert rows.filter(credits__gt=F("debits") + Points(D("0.1"))).count() == 1
    assert rows.order_by("-credits").first().credits == D("0.2")
    assert Account.objects.of(tenant).filter(kind="none").aggregate(s=Sum("credits"))["s"] is None


def test_bulk_writing_keeps_the_points():
    tenant = AccountFactory().tenant
    rows = [AccountFactory.build(tenant=tenant, credits=D(n) / 8) for n in range(1, 4)]
    Account.objects.of(tenant).bulk_create(rows)
    for row in rows:
        row.credits += D("0.00000001")
    Account.objects.of(tenant).bulk_update(rows, ["credits"])
    total = Account.objects.of(tenant).aggregate(total=Sum("credits"))["total"]
    assert total == D("0.75000003")


def test_a_form_takes_and_shows_the_same_points():
    level = LevelFactory(number=2, min_team_holding=D("0.00000001"))
    form_class = modelform_factory(Level, fields=["name", "min_team_holding", "rate"])
    shown = form_class(instance=level)["min_team_holding"].value()
    form = form_class(
        {"name": "S2", "min_team_holding": "12.34567891", "rate": "0.1"}, instance=level
    )
    assert shown == D("0.00000001")
    assert form.is_valid(), form.errors
    form.save()
    level.refresh_from_db()
    assert level.min_team_holding == D("12.34567891")


@pytest.mark.parametrize("typed", ["1.123456789", "NaN", "Infinity", "ten", "", "1e30"])
def test_a_form_refuses(typed):
    form_class = modelform_factory(Level, fields=["name", "min_team_holding", "rate"])
    form = form_class({"name": "S2", "min_team_holding": typed, "rate": "0.1"})
    assert "min_team_holding" in form.errors
    assert not Level.objects.filter(name="S2").exists()


def test_json_carries_text_and_no_float():
    level = LevelFactory(number=2, min_team_holding=D("0.00000001"))
    text = serializers.serialize("json", [level])
    carried = json.loads(text)[0]["fields"]["min_team_holding"]
    assert isinstance(carried, str)
    assert D(carried) == D("0.00000001")
    (restored,) = serializers.deserialize("json", text)
    assert restored.object.min_team_holding == D("0.00000001")


def test_is_a_whole_number_in_the_database():
    assert PointsField().db_type(connection) == "bigint"
    row = AccountFactory(credits=D("1.5"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT credits FROM ledger_account WHERE id = %s", [row.pk])
        assert cursor.fetchone() == (150_000_000,)
