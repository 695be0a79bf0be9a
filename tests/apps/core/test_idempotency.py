"""The same request twice is done once, also when both come at the same moment."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import transaction

from apps.core.errors import BadInput, Conflict, KeyReused
from apps.core.idempotency import once
from apps.core.models import IdempotencyKey
from apps.tenants.models import Tenant
from tests.at_once import at_once
from tests.factories import IdempotencyKeyFactory, TenantFactory

ASK = {"scope": "acme", "key": "k1", "request": {"amount": "5"}}


def make():
    return {"id": Tenant.objects.create(name="made").pk}


@pytest.mark.django_db
def test_the_second_gets_the_first_ones_answer():
    first = once(**ASK, do=make)
    assert once(**ASK, do=make) == first
    assert Tenant.objects.filter(name="made").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("case", "told", "answer"),
    [
        ("nothing", None, None),
        ("false", False, False),
        ("a list", [1, "a"], [1, "a"]),
        ("an amount", {"amount": Decimal("1.10")}, {"amount": "1.10"}),
        ("a time", datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
    ],
)
def test_first_and_repeated_answer_are_the_same(case, told, answer):
    assert [once(**ASK, do=lambda: told), once(**ASK, do=lambda: "other")] == [answer, answer]


@pytest.mark.django_db
@pytest.mark.parametrize("request_body", [{"amount": "6"}, {}, None, {"amount": 5}, ["amount"]])
def test_the_same_key_with_another_request_does_nothing(request_body):
    once(**ASK, do=make)
    with pytest.raises(KeyReused):
        once(**{**ASK, "request": request_body}, do=make)
    assert Tenant.objects.filter(name="made").count() == 1
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.django_db
def test_the_order_of_a_requests_fields_does_not_matter():
    first = once(scope="a", key="k", request={"x": 1, "y": 2}, do=make)
    assert once(scope="a", key="k", request={"y": 2, "x": 1}, do=make) == first


@pytest.mark.django_db
def test_another_scope_is_another_key():
    once(**ASK, do=make)
    once(**{**ASK, "scope": "globex"}, do=make)
    assert Tenant.objects.filter(name="made").count() == 2


@pytest.mark.django_db
def test_a_key_that_differs_in_case_is_never_given_the_others_answer():
    once(**ASK, do=make)
    try:
        once(**{**ASK, "key": "K1"}, do=make)
    except KeyReused:
        expected = 1  # this database holds the two keys for equal
    else:
        expected = 2
    assert Tenant.objects.filter(name="made").count() == expected


@pytest.mark.django_db
def test_a_failure_leaves_the_key_free():
    def fail():
        make()
        raise Conflict("not now")

    with pytest.raises(Conflict, match="not now"):
        once(**ASK, do=fail)
    assert not IdempotencyKey.objects.exists()
    assert not Tenant.objects.filter(name="made").exists()
    assert once(**ASK, do=make)["id"]


@pytest.mark.django_db
def test_an_answer_that_cannot_be_kept_undoes_the_work():
    def fail():
        make()
        return object()

    with pytest.raises(TypeError):
        once(**ASK, do=fail)
    assert not IdempotencyKey.objects.exists()
    assert not Tenant.objects.filter(name="made").exists()


@pytest.mark.django_db
def test_the_key_goes_with_the_transaction_around_it():
    with transaction.atomic():
        once(**ASK, do=make)
        transaction.set_rollback(True)
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "k" * 101])
def test_a_key_of_a_wrong_length_is_refused(key):
    with pytest.raises(BadInput) as refusal:
        once(**{**ASK, "key": key}, do=make)
    assert refusal.value.context == {"field": "key"}
    assert not Tenant.objects.filter(name="made").exists()


@pytest.mark.django_db
def test_a_request_inside_itself_is_refused():
    with pytest.raises(Conflict, match="still running"):
        once(**ASK, do=lambda: once(**ASK, do=make))
    assert not Tenant.objects.filter(name="made").exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_done_and_all_get_its_answer():
    TenantFactory(name="there before")

    def ask():
        def slowly():
            answer = make()
            time.sleep(0.2)
            return answer

        return once(**ASK, do=slowly)

    answers = at_once(6, ask)
    made = Tenant.objects.get(name="made")
    assert answers == [{"id": made.pk}] * 6


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_with_other_requests_one_is_done():
    def ask(number):
        return once(scope="acme", key="k1", request={"amount": number}, do=make)

    answers = at_once(5, ask, range(5))
    assert Tenant.objects.filter(name="made").count() == 1
    assert sum(isinstance(answer, KeyReused) for answer in answers) == 4


@pytest.mark.django_db(transaction=True)
def test_when_the_first_of_two_at_once_fails_the_other_does_it():
    tries = []

    def ask():
        def first_fails():
            tries.append(1)
            if len(tries) == 1:
                time.sleep(0.2)
                raise Conflict("not now")
            return make()

        return once(**ASK, do=first_fails)

    answers = at_once(3, ask)
    made = Tenant.objects.get(name="made")
    assert answers.count({"id": made.pk}) == 2
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1


@pytest.mark.django_db
def test_an_unanswered_row_is_a_running_request():
    with pytest.raises(KeyReused):
        once(**{**ASK, "key": IdempotencyKeyFactory(scope="acme").key}, do=make)
