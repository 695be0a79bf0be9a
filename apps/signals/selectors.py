"""Questions about signals."""

from django.db.models import QuerySet

from apps.signals.models import Signal


def published(strategy, symbol: str, action: str) -> QuerySet[Signal]:
    """What this strategy really published for a symbol, newest first."""
    past_judgement = [Signal.Status.PUBLISHED, Signal.Status.PLANNED]
    return Signal.objects.filter(
        strategy=strategy, symbol=symbol, action=action, status__in=past_judgement
    ).order_by("-id")
