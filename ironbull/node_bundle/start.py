"""The first thing that runs of the one-file node: it lets its worker find what lies beside this.

`requirements` prints what pip has to install; everything else is `python -m workers`.
"""

import os
import pkgutil
import runpy
import sys

ARCHIVE = os.path.abspath(sys.argv[0])

if sys.argv[1:] == ["requirements"]:
    sys.stdout.write((pkgutil.get_data("__main__", "requirements.txt") or b"").decode())
else:
    # The worker is another process: it finds the engine where this one did.
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [ARCHIVE, before]))
    runpy.run_module("workers", run_name="__main__", alter_sys=True)
