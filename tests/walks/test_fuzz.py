"""Messages that nobody sent: none becomes an order, and each is kept with a reason."""

import pytest

from tests.walks.fuzz import attacked

pytestmark = [pytest.mark.walk, pytest.mark.timeout(300)]
MESSAGES = 2000


def test_no_forged_message_becomes_an_order_or_ends_a_worker(transactional_db, tmp_path):
    done = attacked(tmp_path, seed=1, messages=MESSAGES)
    assert not done.faults
    assert done.to_refuse > MESSAGES / 2
    assert done.foreign
