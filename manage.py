#!/usr/bin/env python
"""Every command of the operator starts here."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
    execute_from_command_line(sys.argv)
