"""Every test begins with an empty memory: ids of tenants come again, what was counted does not."""

import pytest

from apps.core.memory import memory
from apps.merchant.ring import BEGAN, keyring
from tests.memory import forget


@pytest.fixture(autouse=True)
def nothing_remembered():
    forget(memory())
    memory().remember(BEGAN, 0, seconds=86400)
    keyring.cache_clear()
