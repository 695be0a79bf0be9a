"""What a person reads of an alert."""

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.monitoring.checks import CHECKS
from apps.monitoring.models import Notice, Rule

K = Notice.Kind


def title_of(rule: Rule) -> str:
    """What a rule watches; of a check that an earlier version had, its name."""
    check = CHECKS.get(rule.check_name)
    return check.title if check else rule.check_name


def unit_of(rule: Rule) -> str:
    check = CHECKS.get(rule.check_name)
    return check.unit if check else ""


def subject_of(notice: Notice) -> str:
    """In one line, whatever a subject is called: a mail's header takes no other."""
    return " ".join(titled(notice).split())


def titled(notice: Notice) -> str:
    if notice.alert is None:
        return _("IronBull: a test of this channel")
    alert = notice.alert
    told = {
        "severity": alert.get_severity_display(),
        "title": title_of(alert.rule),
        "subject": alert.subject,
    }
    if notice.kind == K.RESOLVED:
        return _("Over: %(title)s (%(subject)s)") % told
    if notice.kind == K.ESCALATED:
        return _("Nobody has it in hand: %(title)s (%(subject)s)") % told
    return _("%(severity)s: %(title)s (%(subject)s)") % told


def text_of(notice: Notice) -> str:
    if notice.alert is None:
        return _("Nothing is wrong.")
    alert = notice.alert
    lines = [_("Value %(value)s, threshold %(threshold)s") % figures(alert, unit_of(alert.rule))]
    if alert.told:
        lines.append(alert.told)
    lines.append(_("Since %(at)s") % {"at": moment(alert.began_at)})
    if alert.resolved_at:
        lines.append(_("Over at %(at)s") % {"at": moment(alert.resolved_at)})
    return "\n".join(lines)


def figures(alert, unit: str) -> dict[str, str]:
    return {
        "value": f"{alert.value:g} {unit}".strip(),
        "threshold": f"{alert.rule.threshold:g} {unit}".strip(),
    }


def moment(at) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S %Z")
