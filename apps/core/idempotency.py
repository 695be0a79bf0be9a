"""The same request twice is done once: the second gets the first one's answer."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from apps.core.deadlocks import undeadlocked
from apps.core.errors import BadInput, Conflict, KeyReused
from apps.core.models import IdempotencyKey

LONGEST = 100
# Whoever asks again after so long asks anew.
KEPT = timedelta(days=30)


def once(*, scope: str, key: str, request: object, do: Callable[[], object]) -> object:
    """Run `do` once per scope and key, in one transaction with the key; then repeat its answer.

    The same key with another request raises KeyReused and does nothing. If `do` raises,
    the key is free again.
    """
    if not 0 < len(key) <= LONGEST:
        raise BadInput(f"a key has 1 to {LONGEST} characters", field="key")
    asked = {"scope": scope, "key": key, "request_hash": hash_of(key, request)}
    # When the first of several at once fails, those that waited for it may deadlock.
    return undeadlocked(lambda: do_or_repeat(asked, do))


@transaction.atomic
def do_or_repeat(asked: dict[str, str], do: Callable[[], object]) -> object:
    try:
        with transaction.atomic():
            row = IdempotencyKey.objects.create(**asked)
    except IntegrityError:
        return answer_of(**asked)
    answer = json.loads(json.dumps(do(), cls=DjangoJSONEncoder))
    row.answer = {"answer": answer}
    row.save(update_fields=["answer"])
    return answer


def answer_of(*, scope: str, key: str, request_hash: str) -> object:
    # Not locked: the row is committed with its answer, and of three requests at once the
    # second and third would each hold what the other one waits for.
    row = IdempotencyKey.objects.get(scope=scope, key=key)
    if row.request_hash != request_hash:
        raise KeyReused("this key came with another request", key=key)
    if row.answer is None:
        raise Conflict("the first request with this key is still running", key=key)
    return row.answer["answer"]


def hash_of(key: str, request: object) -> str:
    # With the key itself: some databases hold "Key" and "key" for equal.
    content = json.dumps([key, request], sort_keys=True, cls=DjangoJSONEncoder)
    # Under a key of the centre's: a request may hold a password, and guesses of it would be cheap.
    return salted_hmac("core.idempotency", content, algorithm="sha256").hexdigest()


def prune_keys(*, now: datetime) -> int:
    """Forget keys that nobody asks again with."""
    return IdempotencyKey.objects.filter(created_at__lt=now - KEPT).delete()[0]
