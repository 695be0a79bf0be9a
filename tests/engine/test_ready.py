"""Whatever several threads read first, and at the same moment, is worked out already."""

import subprocess
import sys

import pytest

# Each child is as a process that has just loaded its code, and reads by many threads at once.
READ_AT_ONCE = """
import contextlib, os, sys, threading
import msgspec
{import_it}

sys.setswitchinterval(1e-6)


def read(kind, gate):
    names = getattr(kind, "__struct_fields__", None) or list(kind.__dataclass_fields__)
    gate.wait()
    with contextlib.suppress(msgspec.ValidationError):
        msgspec.convert(dict.fromkeys(reversed(names)), kind)


died = 0
for _ in range(40):
    child = os.fork()
    if child == 0:
        for kind in {kinds}:
            gate = threading.Barrier(4)
            threads = [threading.Thread(target=read, args=(kind, gate)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        os._exit(0)
    died += os.waitpid(child, 0)[1] != 0
sys.exit(died)
"""
PLACES = {
    "messages": (
        "from engine.messages import KINDS, Parcel",
        "[*KINDS.values(), Parcel]",
    ),
    "journals": (
        "from engine.paper.exchange import Ask, State, TriggerAsk",
        "[Ask, State, TriggerAsk]",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_no_process_dies_of_two_threads_that_read_first(place):
    import_it, kinds = PLACES[place]
    script = READ_AT_ONCE.format(import_it=import_it, kinds=kinds)
    read = subprocess.run([sys.executable, "-c", script], timeout=120)
    assert read.returncode == 0, f"{read.returncode} of 40 died"
