"""Places where a test may kill the process, to prove that dying there is harmless.

A failpoint does nothing unless IRONBULL_FAILPOINTS names a directory and that
directory holds a file with the failpoint's name. The file is removed first, so a
process dies once for each file.
"""

import os
import signal
from pathlib import Path


def failpoint(name: str) -> None:
    directory = os.environ.get("IRONBULL_FAILPOINTS")
    if not directory:
        return
    try:
        Path(directory, name).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
