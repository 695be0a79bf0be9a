"""What was kept for a while is forgotten, and nothing before its time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.idempotency import KEPT, once, prune_keys
from apps.core.models import IdempotencyKey
from apps.tenants.models import Login, LoginFailure
from apps.tenants.services.logins import prune_logins
from tests.factories import LoginFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_a_key_is_kept_for_thirty_days():
    answers = [once(scope="s", key="k", request=1, do=lambda: 1)]
    IdempotencyKey.objects.update(created_at=NOW - KEPT + timedelta(minutes=1))
    assert prune_keys(now=NOW) == 0
    answers.append(once(scope="s", key="k", request=1, do=lambda: 2))
    IdempotencyKey.objects.update(created_at=NOW - KEPT - timedelta(minutes=1))
    assert prune_keys(now=NOW) == 1
    answers.append(once(scope="s", key="k", request=1, do=lambda: 3))
    assert answers == [1, 1, 3]


def test_logins_go_long_after_they_ended_and_tries_when_they_lock_nobody():
    old, fresh = LoginFactory(), LoginFactory(expires_at=NOW - timedelta(days=89))
    Login.objects.filter(pk=old.pk).update(expires_at=NOW - timedelta(days=91))
    for hours in (23, 25):
        row = LoginFailure.objects.create(username="ann", source="")
        LoginFailure.objects.filter(pk=row.pk).update(created_at=NOW - timedelta(hours=hours))
    prune_logins(now=NOW)
    assert list(Login.objects.all()) == [fresh]
    assert LoginFailure.objects.count() == 1
