"""What is remembered for a while: nonces once, counters exactly, by several processes at once."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.core.errors import Busy
from apps.core.memory import Counter, FileMemory, RedisMemory, Verdict
from tests.conftest import redis_address
from tests.walks.running import wait_for

VERSION = "version"


@pytest.fixture(
    params=["file", pytest.param("redis", marks=pytest.mark.redis)],
)
def memory(request, tmp_path):
    if request.param == "file":
        yield FileMemory(tmp_path)
        return
    memory = RedisMemory(redis_address())
    yield memory
    for key in memory.redis.scan_iter("ironbull:memory:*"):
        memory.redis.delete(key)


@pytest.fixture
def admit(memory):
    memory.stamp(VERSION)

    def admit(nonce=None, *counters, version=None):
        known = memory.read([VERSION])[VERSION] if version is None else version
        return memory.admit(
            version=(VERSION, known), nonce=nonce, nonce_seconds=300, counters=counters
        )

    return admit


def test_a_nonce_is_admitted_once(admit):
    assert admit("nonce:a").verdict is Verdict.ADMITTED
    assert admit("nonce:a").verdict is Verdict.REPLAYED
    assert admit("nonce:b").verdict is Verdict.ADMITTED


def test_a_nonce_is_forgotten_in_time(memory, admit):
    memory.remember("nonce:old", 1, seconds=1)
    assert admit("nonce:old").verdict is Verdict.REPLAYED
    wait_for(lambda: admit("nonce:old").verdict is Verdict.ADMITTED, seconds=10)


def test_a_counter_begins_with_what_was_counted_before(memory, admit):
    calls = Counter("calls", limit=3, seconds=60)
    blank = admit(None, calls)
    assert (blank.verdict, blank.counter) == (Verdict.BLANK, calls)
    memory.remember("calls", 1, seconds=60)
    memory.remember("calls", 0, seconds=60)
    assert [list(admit(None, calls).at) for _ in range(2)] == [[2], [3]]
    full = admit(None, calls)
    assert (full.verdict, full.counter) == (Verdict.FULL, calls)
    assert memory.read(["calls", "nothing"]) == {"calls": 3}


def test_what_one_counter_refuses_is_not_counted_on_the_other_nor_is_its_nonce_used(memory, admit):
    day, month = Counter("day", limit=5, seconds=60), Counter("month", limit=1, seconds=60)
    memory.remember("day", 0, seconds=60)
    memory.remember("month", 1, seconds=60)
    assert admit("nonce:a", day, month).counter == month
    assert memory.read(["day", "month"]) == {"day": 0, "month": 1}
    assert admit("nonce:a", day).verdict is Verdict.ADMITTED


def test_no_limit_is_counted_all_the_same(memory, admit):
    memory.remember("calls", 10**6, seconds=60)
    assert list(admit(None, Counter("calls", limit=0, seconds=60)).at) == [10**6 + 1]


def test_who_knows_less_than_others_is_stale_and_nothing_happens(memory, admit):
    memory.remember("calls", 0, seconds=60)
    calls = Counter("calls", limit=3, seconds=60)
    before = memory.read([VERSION])[VERSION]
    memory.stamp(VERSION)
    assert admit("nonce:a", calls, version=before).verdict is Verdict.STALE
    assert memory.read(["calls"]) == {"calls": 0}
    assert admit("nonce:a", calls).verdict is Verdict.ADMITTED


def test_nothing_remembered_is_stale_for_everybody(memory):
    verdict = memory.admit(version=(VERSION, 0), nonce=None, nonce_seconds=1, counters=[]).verdict
    assert verdict is Verdict.STALE


def test_many_at_once_are_counted_exactly(memory, admit):
    memory.remember("calls", 0, seconds=60)
    calls = Counter("calls", limit=40, seconds=60)
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda n: admit(f"nonce:{n % 50}", calls).verdict, range(200)))
    assert verdicts.count(Verdict.ADMITTED) == 40
    assert memory.read(["calls"]) == {"calls": 40}


ONE_PROCESS = """
import sys
from pathlib import Path
from apps.core.errors import Busy
from apps.core.memory import Counter, FileMemory
memory = FileMemory(Path(sys.argv[1]))
version = memory.read(["version"])["version"]
for n in range(200):
    memory.admit(version=("version", version), nonce=f"{n}", nonce_seconds=300,
                 counters=[Counter("calls", 0, 60)])
"""


def test_several_processes_count_exactly_and_admit_each_nonce_once(tmp_path):
    memory = FileMemory(tmp_path)
    memory.stamp(VERSION)
    memory.remember("calls", 0, seconds=60)
    command = [sys.executable, "-c", ONE_PROCESS, str(tmp_path)]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert memory.read(["calls"]) == {"calls": 200}


KILLED = """
import os, signal, sys
from pathlib import Path
from apps.core.memory import FileMemory
memory = FileMemory(Path(sys.argv[1]))
around = memory.turn()
pages = around.__enter__()
memory.keep(pages, "calls", 99, 2**40)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_who_is_killed_in_its_turn_holds_nobody_up_and_has_done_nothing(tmp_path):
    memory = FileMemory(tmp_path)
    memory.remember("calls", 1, seconds=60)
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)]).returncode == -9
    assert memory.read(["calls"]) == {"calls": 1}
    memory.stamp(VERSION)
    assert VERSION in memory.read([VERSION])


IN_A_CHILD = """
import os, sys
import tests.environment
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "ironbull.settings"
django.setup()
from apps.core.memory import memory
memory().remember(sys.argv[1], 1, seconds=60)
child = os.fork()
if child == 0:
    memory().remember(sys.argv[2], 2, seconds=60)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(memory().read(sys.argv[1:]))
"""


def test_a_child_goes_on_in_pages_of_its_own():
    """As the processes of a web server that are forked once memory was looked at."""
    names = [f"of the parent {os.getpid()}", f"of the child {os.getpid()}"]
    ran = subprocess.run(
        [sys.executable, "-c", IN_A_CHILD, *names], capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == str({names[0]: 1, names[1]: 2}), ran.stderr


def test_what_is_too_old_makes_room(tmp_path, monkeypatch):
    monkeypatch.setattr(FileMemory, "LARGEST", 2**17)
    memory = FileMemory(tmp_path)
    memory.stamp(VERSION)
    version = (VERSION, memory.read([VERSION])[VERSION])

    def admit(number, seconds):
        return memory.admit(
            version=version, nonce=f"nonce:{number}", nonce_seconds=seconds, counters=[]
        ).verdict

    assert {admit(number, -1) for number in range(5000)} == {Verdict.ADMITTED}
    # Nobody is let in unseen because there is no room left.
    with pytest.raises(Busy):
        list(map(admit, range(5000, 10_000), [300] * 5000))
    assert admit(5000, 300) is Verdict.REPLAYED
