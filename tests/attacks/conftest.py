"""What hostile callers tried; each test begins with an empty memory."""

from tests.apps.merchant.conftest import nothing_remembered

__all__ = ["nothing_remembered"]
