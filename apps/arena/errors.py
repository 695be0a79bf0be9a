"""What the arena refuses."""

from apps.core.errors import BadInput, Busy, Conflict, DomainError


class BadFile(BadInput):
    """A file is none of the published ones, or a row of it cannot be; nothing of it is taken."""

    code = "bad_file"


class MixedSet(Conflict):
    """The files of a folder are not of one generation; another export writes a whole one."""

    code = "mixed_set"


class ExportRunning(Busy):
    """Another process writes this folder; what it writes is as good."""

    code = "export_running"


class NothingToTell(DomainError):
    """Neither the database nor an exported file answers; try again."""

    code = "away"
    http_status = 503
