"""The books and the audit trail counted through, and what came of it."""

import time

from apps.core import audit
from apps.ledger import verification as ledger
from apps.monitoring.models import Verification
from apps.rewards import verification as rewards


def verify(*, what: str) -> Verification:
    began = time.monotonic()
    misfit = ledger_misfit() if what == "ledger" else audit_misfit()
    return Verification.objects.create(
        what=what, misfit=misfit[:500], seconds=round(time.monotonic() - began, 3)
    )


def ledger_misfit() -> str:
    return ledger.first_misfit() or rewards.first_misfit() or ""


def audit_misfit() -> str:
    breach = audit.find_breach()
    return str(breach) if breach else ""
