"""How two prompts have done against each other, and how sure their difference is."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum

from apps.traders.models import Call, Decision, Duel, Item, Template, Trader
from apps.traders.selectors.trades import Trade, trade_rows
from engine.deciding.decision import OPENS
from engine.money import ZERO
from engine.report.difference import Difference, difference

PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One of the two, in what it decided and closed since the duel began."""

    prompt: str
    trader: str
    decisions: int
    failed: int
    openings: int
    refused: int
    cost: Decimal
    trades: int
    wins: int
    net: Decimal
    # What each trade won, in percent of the equity that its decision saw.
    mean_percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Compared:
    first: Arm
    second: Arm
    # Of the second over the first, a trade; None while there are too few.
    difference: Difference | None


def compared(duel: Duel) -> Compared:
    """Both by the same trades' yields; the same record always tells the same."""
    sides = ((duel.trader, duel.first), (duel.other or duel.trader, duel.second))
    trades = [trades_by(duel, trader, template) for trader, template in sides]
    first, second = (
        arm(duel, trader, template, told)
        for (trader, template), told in zip(sides, trades, strict=True)
    )
    yields = [[yield_of(trade) for trade in told] for told in trades]
    return Compared(first, second, difference(*yields))


def trades_by(duel: Duel, trader: Trader, template: Template) -> list[Trade]:
    """What was opened by a prompt since the duel began, and closed before its end."""
    same = Template.objects.of(duel.tenant_id).filter(digest=template.digest)
    prompts = set(same.values_list("pk", flat=True))
    return [
        trade
        for trade in trade_rows([trader])
        if trade.template_id in prompts
        and trade.equity
        and trade.entry.at >= duel.began_at
        and (duel.ended_at is None or trade.exit.at <= duel.ended_at)
    ]


def yield_of(trade: Trade) -> Decimal:
    return PERCENT * trade.net / trade.equity


def arm(duel: Duel, trader: Trader, template: Template, trades: list[Trade]) -> Arm:
    rows = Decision.objects.of(duel.tenant_id).filter(
        trader=trader, template__digest=template.digest, at__gte=duel.began_at
    )
    if duel.ended_at:
        rows = rows.filter(at__lte=duel.ended_at)
    items = Item.objects.of(duel.tenant_id).filter(decision__in=rows, signal__in=list(OPENS))
    told = items.aggregate(
        openings=Count("pk", filter=Q(refused_by="")),
        refused=Count("pk", filter=~Q(refused_by="")),
    )
    cost = Call.objects.of(duel.tenant_id).filter(decision__in=rows).aggregate(sum=Sum("cost"))
    yields = [yield_of(trade) for trade in trades]
    return Arm(
        prompt=str(template),
        trader=trader.code,
        decisions=rows.count(),
        failed=rows.filter(status=Decision.Status.FAILED).count(),
        openings=told["openings"],
        refused=told["refused"],
        cost=cost["sum"] or ZERO,
        trades=len(trades),
        wins=sum(trade.net > 0 for trade in trades),
        net=sum((trade.net for trade in trades), ZERO),
        mean_percent=sum(yields, ZERO) / len(yields) if yields else None,
    )
