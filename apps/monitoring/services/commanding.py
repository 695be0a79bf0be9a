"""What an operator can say in a chat, which right it needs, and what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.core.errors import BadInput, NotFound
from apps.core.scope import rows
from apps.market_making.models import Maker, Session
from apps.market_making.services import stop_maker, stop_opening
from apps.monitoring.checks import CHECKS
from apps.monitoring.models import Alert, Rule
from apps.monitoring.services.handling import silence
from apps.monitoring.words import moment, title_of
from apps.nodes.models import Node
from apps.nodes.selectors import alive_nodes
from apps.orders.models import Ticket
from apps.orders.selectors import brake_on
from apps.orders.services import release_brake
from apps.tenants.models import User
from apps.traders.models import Trader

SHOWN = 15
Does = Callable[[list[str], datetime], str]


@dataclass(frozen=True, slots=True)
class Command:
    told: str
    right: str
    do: Does
    # What is asked back before it is done, having looked at the words; None: it only reads.
    question: Does | None = None


def helped(user: User) -> str:
    lines = [f"/{name} {one.told}" for name, one in COMMANDS.items() if user.has_perm(one.right)]
    return "\n".join(lines) or _("Your role allows nothing here.")


# Reading.


def status(words: list[str], now: datetime) -> str:
    firing = Alert.objects.filter(status=Alert.Status.FIRING)
    tickets = rows(Ticket, None)
    trusted = Node.objects.exclude(status__in=Node.NOT_TRUSTED)
    sessions = rows(Session, None).filter(status__in=Session.LIVE)
    figures = [
        (_("Nodes alive"), f"{alive_nodes(now).count()} / {trusted.count()}"),
        (_("Alerts firing"), firing.count()),
        (_("Parked tickets"), tickets.filter(status=Ticket.Status.PARKED).count()),
        (_("Makers running"), sessions.count()),
        (
            _("AI traders running"),
            rows(Trader, None).filter(status=Trader.Status.RUNNING).count(),
        ),
    ]
    return "\n".join([brake_told(), *(f"{name}: {value}" for name, value in figures)])


def brake_told() -> str:
    brake = brake_on()
    if brake is None:
        return _("The brake is off: openings are allowed.")
    told = {"at": moment(brake.created_at), "who": brake.pulled_by, "reason": brake.reason}
    return _("The brake is on since %(at)s, by %(who)s: %(reason)s") % told


def nodes(words: list[str], now: datetime) -> str:
    found = Node.objects.order_by("code")[:SHOWN]
    return "\n".join(node_line(node, now) for node in found) or _("There is no node.")


def node_line(node: Node, now: datetime) -> str:
    if node.last_heartbeat_at is None:
        return f"{node.code}: {node.get_status_display()}, {_('never heard')}"
    seconds = round((now - node.last_heartbeat_at).total_seconds())
    heard = ngettext("heard %(count)s second ago", "heard %(count)s seconds ago", seconds) % {
        "count": f"{seconds:,}"
    }
    return f"{node.code}: {node.get_status_display()}, {heard}, {node.clock_offset_ms or 0} ms"


def alerts(words: list[str], now: datetime) -> str:
    firing = Alert.objects.filter(status=Alert.Status.FIRING).select_related("rule")
    lines = [alert_line(alert) for alert in firing.order_by("-severity", "fired_at")[:SHOWN]]
    more = firing.count() - len(lines)
    if more > 0:
        lines.append(_("and %(count)s more") % {"count": more})
    return "\n".join(lines) or _("Nothing is wrong.")


def alert_line(alert: Alert) -> str:
    what = f"{alert.rule.check_name} {alert.subject}"
    line = f"{alert.get_severity_display()}: {title_of(alert.rule)} ({what})"
    line += f", {moment(alert.fired_at)}"
    return f"{line}, {alert.acknowledged_by}" if alert.acknowledged_by else line


def makers(words: list[str], now: datetime) -> str:
    live = rows(Session, None).filter(status__in=Session.LIVE)
    lines = [
        f"{one.maker_id}: {one.maker}, {one.get_status_display()}"
        for one in live.select_related("maker__venue_account").order_by("maker_id")[:SHOWN]
    ]
    return "\n".join(lines) or _("No maker runs.")


# Changing: what is asked back, and what is done.


def ask_silence(words: list[str], now: datetime) -> str:
    rule, subject, minutes, _reason = silence_of(words)
    whose = f"{rule.check_name} {subject}".strip()
    told = ngettext(
        "Tell nobody of %(what)s for %(count)s minute?",
        "Tell nobody of %(what)s for %(count)s minutes?",
        minutes,
    )
    return told % {"what": whose, "count": minutes}


def make_silence(words: list[str], now: datetime) -> str:
    rule, subject, minutes, reason = silence_of(words)
    until = now + timedelta(minutes=minutes)
    silence(rule=rule, subject=subject, until=until, reason=reason, now=now)
    return _("Silent until %(at)s.") % {"at": moment(until)}


def silence_of(words: list[str]) -> tuple[Rule, str, int, str]:
    """The rule, one subject of it or all, minutes, and why."""
    rule = Rule.objects.filter(check_name=words[0] if words else "").first()
    if rule is None:
        known = ", ".join(CHECKS)
        raise BadInput(_("name a check: %(known)s") % {"known": known}, field="check")
    subject, rest = ("", words[1:]) if is_count(words[1:2]) else (" ".join(words[1:2]), words[2:])
    if not is_count(rest[:1]) or int(rest[0]) < 1:
        raise BadInput(_("how many minutes?"), field="minutes")
    return rule, subject, int(rest[0]), " ".join(rest[1:]) or _("by chat")


def is_count(words: list[str]) -> bool:
    return bool(words) and words[0].isascii() and words[0].isdigit() and len(words[0]) <= 5


def ask_pause(words: list[str], now: datetime) -> str:
    live = rows(Session, None).filter(status__in=Session.LIVE).count()
    told = ngettext(
        "Stop opening everywhere, and stop %(count)s maker?",
        "Stop opening everywhere, and stop %(count)s makers?",
        live,
    )
    return told % {"count": live}


def pause(words: list[str], now: datetime) -> str:
    _brake, stopped = stop_opening(reason=" ".join(words) or _("by chat"), now=now)
    lines = [_("Nothing is opened any more; closing goes on.")]
    lines += [_("Told to stop: %(maker)s") % {"maker": maker} for maker in stopped]
    resting = rows(Ticket, None).filter(status=Ticket.Status.RESTING, action="open").count()
    if resting:
        told = ngettext(
            "%(count)s order to open rests at its venue, and may fill.",
            "%(count)s orders to open rest at their venues, and may fill.",
            resting,
        )
        lines.append(told % {"count": resting})
    return "\n".join(lines)


def ask_resume(words: list[str], now: datetime) -> str:
    return f"{brake_told()}\n{_('Allow openings again?')}"


def resume(words: list[str], now: datetime) -> str:
    release_brake(now=now)
    return _("Openings are allowed again; makers that were stopped stay so.")


def ask_stop(words: list[str], now: datetime) -> str:
    return _("Stop the maker %(maker)s?") % {"maker": maker_of(words)}


def stop(words: list[str], now: datetime) -> str:
    maker = maker_of(words)
    stop_maker(maker=maker, now=now)
    return _("Told to stop: %(maker)s") % {"maker": maker}


def maker_of(words: list[str]) -> Maker:
    if not (len(words) == 1 and words[0].isascii() and words[0].isdigit() and len(words[0]) < 19):
        raise BadInput(_("name a maker by its number: /makers"), field="maker")
    found = rows(Maker, None).select_related("venue_account").filter(pk=int(words[0])).first()
    if found is None:
        raise NotFound(_("there is no such maker"), field="maker")
    return found


COMMANDS = {
    "status": Command(gettext_lazy("– how everything is"), "nodes.view_node", status),
    "nodes": Command(gettext_lazy("– the nodes"), "nodes.view_node", nodes),
    "alerts": Command(gettext_lazy("– what is wrong"), "monitoring.view_alert", alerts),
    "makers": Command(gettext_lazy("– the makers that run"), "market_making.view_maker", makers),
    "silence": Command(
        gettext_lazy("CHECK [SUBJECT] MINUTES [reason]"),
        "monitoring.add_silence",
        make_silence,
        ask_silence,
    ),
    "pause": Command(
        gettext_lazy("[reason] – stop opening everywhere"), "orders.add_brake", pause, ask_pause
    ),
    "resume": Command(
        gettext_lazy("– allow openings again"), "orders.change_brake", resume, ask_resume
    ),
    "stop": Command(
        gettext_lazy("MAKER – stop a maker"), "market_making.change_maker", stop, ask_stop
    ),
}
