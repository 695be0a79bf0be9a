"""How the arena's pages show amounts, shares and moments."""

from datetime import UTC, datetime
from decimal import Decimal

from django import template
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

register = template.Library()
# No markup of theirs, and nothing that asks for an address: no link, picture or reference.
MARKDOWN = MarkdownIt("js-default").disable(["link", "image", "autolink", "reference"])
MOST_PROSE = 16_384
UNKNOWN = "–"
MINUTES_OF_DAY, MINUTES_OF_HOUR = 1440, 60


@register.filter
def dollars(value) -> str:
    if value is None:
        return UNKNOWN
    return f"{'−' if value < 0 else ''}${abs(value):,.2f}"


@register.filter
def signed(value) -> str:
    return dollars(value) if value is None or value <= 0 else f"+{dollars(value)}"


@register.filter
def percent(value) -> str:
    return UNKNOWN if value is None else f"{value:,.2f} %".replace("-", "−")


@register.filter
def ratio(value) -> str:
    return UNKNOWN if value is None else f"{value:.3f}".replace("-", "−")


@register.filter
def count(value) -> str:
    return f"{value:,}"


@register.filter
def amount(value) -> str:
    """An exact number without zeros at its end."""
    if value is None:
        return UNKNOWN
    if isinstance(value, Decimal):
        text = (
            f"{value:,.8f}"
            if value == value.to_integral_value() or abs(value) < 1
            else f"{value:,.6f}"
        )
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"


@register.filter
def figure(standing, column) -> str:
    return SHOWN[column.shown](getattr(standing, column.name))


@register.filter
def tone(value) -> str:
    """Whether an amount is won or lost, as a class."""
    if not isinstance(value, int | float | Decimal) or value == 0:
        return ""
    return "gain" if value > 0 else "loss"


@register.filter
def tone_of(standing, column) -> str:
    return tone(getattr(standing, column.name)) if column.name in TONED else ""


@register.filter
def at(seconds) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")


@register.filter
def held_for(trade) -> str:
    minutes = int((trade.exit_time - trade.entry_time) / 60)
    days, rest = divmod(minutes, MINUTES_OF_DAY)
    hours, minutes = divmod(rest, MINUTES_OF_HOUR)
    parts = [f"{days}d"] if days else []
    return " ".join([*parts, f"{hours:02d}h {minutes:02d}m"])


@register.filter
def notional(trade) -> Decimal:
    return abs(trade.quantity * trade.entry_price)


@register.filter
def is_prose(said) -> bool:
    """Whether what a model says is words; JSON, and what is very long, is shown as it is."""
    return len(said) <= MOST_PROSE and not said.lstrip().startswith(("{", "["))


@register.filter
def prose(said) -> SafeString:
    """A model's words with their emphasis, lists and tables; everything else of them is text."""
    return mark_safe(MARKDOWN.render(said))  # noqa: S308 - it escapes whatever is not its own


@register.filter
def words(name) -> str:
    return str(name).replace("_", " ")


SHOWN = {
    "dollars": dollars,
    "signed": signed,
    "percent": percent,
    "ratio": ratio,
    "count": count,
}
TONED = {"returned", "pnl", "best", "worst", "sharpe_steps", "sharpe_trades"}
