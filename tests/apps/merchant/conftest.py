"""Every test begins with an empty memory: ids of tenants come again, what was counted does not."""

import pytest

from apps.core.memory import PREFIX, FileMemory, memory
from apps.merchant.ring import BEGAN, keyring


@pytest.fixture(autouse=True)
def nothing_remembered():
    known = memory()
    if isinstance(known, FileMemory):
        known.line.execute("delete from memory")
    else:
        for key in known.redis.scan_iter(f"{PREFIX}*"):
            known.redis.delete(key)
    known.remember(BEGAN, 0, seconds=86400)
    keyring.cache_clear()
