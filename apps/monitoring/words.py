"""What a person reads of an alert."""

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.monitoring.checks import CHECKS
from apps.monitoring.models import Notice

K = Notice.Kind


def subject_of(notice: Notice) -> str:
    if notice.alert is None:
        return _("IronBull: a test of this channel")
    alert = notice.alert
    told = {
        "severity": alert.get_severity_display(),
        "title": CHECKS[alert.rule.check_name].title,
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
    check = CHECKS[alert.rule.check_name]
    lines = [_("Value %(value)s, threshold %(threshold)s") % figures(alert, check.unit)]
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
