"""The same request twice is done once: the second gets the first one's answer."""

import hashlib
import json
from collections.abc import Callable

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction

from apps.core.errors import Conflict, KeyReused
from apps.core.models import IdempotencyKey


def once(*, scope: str, key: str, request: object, do: Callable[[], object]) -> object:
    """Run `do` once per scope and key, in one transaction with the key; then repeat its answer.

    The same key with another request raises KeyReused and does nothing.
    """
    content = json.dumps(request, sort_keys=True, cls=DjangoJSONEncoder).encode()
    request_hash = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        try:
            with transaction.atomic():
                row = IdempotencyKey.objects.create(scope=scope, key=key, request_hash=request_hash)
        except IntegrityError:
            row = IdempotencyKey.objects.select_for_update().get(scope=scope, key=key)
            if row.request_hash != request_hash:
                raise KeyReused("this key came with another request", key=key) from None
            if row.answer is None:
                raise Conflict(
                    "the first request with this key is still running", key=key
                ) from None
            return row.answer["answer"]
        answer = json.loads(json.dumps(do(), cls=DjangoJSONEncoder))
        row.answer = {"answer": answer}
        row.save(update_fields=["answer"])
        return answer
