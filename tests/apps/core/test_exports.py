"""Exports: named columns, exact numbers, and no cell that a spreadsheet would run."""

import csv
import io
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from apps.core.exports import csv_response, safe_cell, xlsx_response
from apps.tenants.models import Tenant
from apps.venues.models import VenueAccount
from tests.factories import MemberFactory, TenantFactory, VenueAccountFactory


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "|cmd",
        "%0A",
        '=HYPERLINK("x")',
        "-2+3+cmd|' /C calc'!A0",
        "\uff1d1",
        "\x00=1",
        "\x1b=1",
    ],
)
def test_a_formula_becomes_text(text):
    assert safe_cell(text).startswith("'")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        ("", ""),
        ("Acme", "Acme"),
        ("a=b", "a=b"),
        ("alice@example.com", "alice@example.com"),
        (-5, "-5"),
        (Decimal("-0.00000001"), "-0.00000001"),
        (Decimal("1E+3"), "1000"),
        (True, "True"),
        ("租户", "租户"),
        ("bell\x07", "bell"),
        (
            datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8))),
            "2026-01-01T00:00:00+00:00",
        ),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
    ],
)
def test_everything_else_stays_what_it_is(value, cell):
    assert safe_cell(value) == cell


COLUMNS = {
    "id": "id",
    "=member": "member.email",
    "node": "node.code",
    "shown": lambda account: f"={account.venue}",
}


def csv_rows(response):
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def xlsx_rows(response):
    sheet = load_workbook(io.BytesIO(response.content)).active
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    return [["" if value is None else value for value in row] for row in sheet.values]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("respond", "read", "ending"),
    [(csv_response, csv_rows, "csv"), (xlsx_response, xlsx_rows, "xlsx")],
)
def test_rows_come_out_under_named_columns(respond, read, ending):
    account = VenueAccountFactory(member=MemberFactory(email="=evil@example.com"), node=None)
    rows = VenueAccount.objects.of(account.tenant).select_related("member", "node")
    response = respond(rows, COLUMNS, name="accounts")
    assert f'filename="accounts.{ending}"' in response.headers["Content-Disposition"]
    assert read(response) == [
        ["id", "'=member", "node", "shown"],
        [str(account.pk), "'=evil@example.com", "", "'=paper"],
    ]


@pytest.mark.django_db
def test_a_csv_is_streamed_in_few_queries(django_assert_num_queries):
    Tenant.objects.bulk_create([Tenant(name=f'a "b", {n}\nline') for n in range(2500)])
    response = csv_response(Tenant.objects.order_by("pk"), {"name": "name"}, name="tenants")
    assert response.streaming
    with django_assert_num_queries(1):
        rows = csv_rows(response)
    assert len(rows) == 2501
    assert rows[1] == ['a "b", 0\nline']


@pytest.mark.django_db
def test_a_column_that_does_not_exist_is_no_empty_column():
    TenantFactory()
    with pytest.raises(AttributeError):
        csv_rows(csv_response(Tenant.objects.all(), {"x": "nothing"}, name="x"))
