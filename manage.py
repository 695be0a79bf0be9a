#!/usr/bin/env python
"""Every command of the operator starts here."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured

from ironbull.management.listing import HouseUtility

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
    try:
        HouseUtility(sys.argv).execute()
    except ImproperlyConfigured as error:
        sys.exit(f"The environment is not right: {error}. docs/operations.md lists the variables.")
