"""`manage.py arena import|export|check|forget`: published records of AI traders.

    manage.py arena import ../nof1                 every published file of a folder, or single files
    manage.py arena export /srv/arena              what the arena tells, as the published files
    manage.py arena check ../nof1/trades.json      count analytics again from trades
    manage.py arena forget gpt-5                   take an imported model, or a file, out again

Nothing of an import is taken unless all of it can be.
"""

from pathlib import Path

from django.core.management.base import CommandError
from django.utils import timezone

from apps.arena.errors import BadFile
from apps.arena.published.checking import check
from apps.arena.published.folder import MANIFEST
from apps.arena.published.reading import Published, read_file
from apps.arena.published.shapes import Kind
from apps.arena.selectors import imported
from apps.arena.services import Taken, export_files, forget, import_files
from apps.core.commands import HouseCommand, Subject, add_json

SHOWN = 20


class Command(HouseCommand):
    help = "Import, export and check published records of AI traders."
    subject = Subject.TRADE
    examples = """
        arena import ../published
        arena check --all --json
        arena export /srv/arena
        arena forget gpt-5
    """

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        taking = verbs.add_parser("import", help="take published files, whole or not at all")
        taking.add_argument("path", nargs="+", type=Path, help="a file, or a folder of them")
        telling = verbs.add_parser("export", help="write what the arena tells as published files")
        telling.add_argument("folder", type=Path)
        checking = verbs.add_parser("check", help="count published analytics again")
        checking.add_argument(
            "path",
            nargs="*",
            type=Path,
            help="files or folders; of a file, its folder too; without any, what is imported",
        )
        add_json(checking)
        checking.add_argument("--all", action="store_true", help="every figure that was compared")
        forgetting = verbs.add_parser("forget", help="take an import out again")
        forgetting.add_argument("name", help="a model, or the name of a published file")

    def handle(self, *, verb, **options):
        {
            "import": self.take,
            "export": self.write_files,
            "check": self.check_figures,
            "forget": self.forget,
        }[verb](**options)

    def take(self, *, path, **options):
        files = self.files_of(path)
        for taken in import_files(files=files, now=timezone.now()):
            self.show(taken)
        for line in check(files).models:
            if line.missing and line.verdict == "incomplete":
                self.stdout.write(f"{line.model_id}: incomplete: {line.missing}")

    def show(self, taken: Taken) -> None:
        told = f"{taken.name}: {taken.rows} rows, {taken.new} new, {len(taken.changed)} changed"
        self.stdout.write(told)
        for key, fields in list(taken.changed.items())[:SHOWN]:
            self.stdout.write(f"  changed: {key}: {', '.join(fields)}")
        counted: dict[str, int] = {}
        for names in taken.odd.values():
            for name in names:
                counted[name] = counted.get(name, 0) + 1
        for name, count in counted.items():
            self.stdout.write(f"  flagged: {name}: {count} rows")

    def write_files(self, *, folder, **options):
        manifest = export_files(folder=folder, now=timezone.now())
        for name, entry in manifest.files.items():
            self.stdout.write(f"{name}: {entry.bytes} bytes, sha256 {entry.sha256}")
        self.stdout.write(f"generation {manifest.generation}")

    def check_figures(self, *, path, **options):
        files = self.with_their_folders(path) if path else imported()
        checked = check(files)
        if not checked.models:
            raise CommandError("there are no analytics and no trades to check")
        if self.as_json:
            self.tell_json(plain_of(checked))
        else:
            self.show_checked(checked, every=options["all"])
        if not checked.is_good:
            raise CommandError("what is published is not what it comes to")

    def show_checked(self, checked, *, every: bool) -> None:
        lines = [
            (one.model_id, one.verdict.value, one.compared, len(one.wrong), one.missing)
            for one in checked.models
        ]
        self.tell(["model", "verdict", "figures", "wrong", "missing"], lines)
        figures = [
            (
                one.model_id,
                figure.table,
                figure.name,
                str(figure.told),
                str(figure.counted),
                "equal" if figure.is_equal else "MISMATCH",
            )
            for one in checked.models
            for figure in (one.figures if every else one.wrong)
        ]
        if figures:
            self.stdout.write("")
            headings = ["model", "table", "figure", "published", "counted", ""]
            self.tell(headings, figures)
        for name, counted in checked.odd.items():
            for what, count in counted.items():
                self.stdout.write(f"{name}: flagged: {what}: {count} rows")

    def forget(self, *, name, **options):
        count = forget(name=name)
        if not count:
            raise CommandError(f"nothing of {name} was imported")
        self.stdout.write(f"{count} rows of {name} are forgotten")

    def files_of(self, paths: list[Path]) -> list[Published]:
        """The published files of these; of a folder, what is none is left out, and told."""
        found = []
        for path in paths:
            if not path.is_dir():
                found.append(read_file(path))
                continue
            published = 0
            for each in sorted(path.glob("*.json")):
                if each.name == MANIFEST:
                    continue
                try:
                    found.append(read_file(each))
                except BadFile as error:
                    if is_published(each):
                        raise
                    self.stderr.write(f"left out: {error.message}")
                else:
                    published += 1
            if not published:
                raise BadFile(f"{path}: there is no published file in this folder")
        return found

    def with_their_folders(self, paths: list[Path]) -> list[Published]:
        named = self.files_of(paths)
        kinds = {file.kind for file in named}
        for path in paths:
            beside = [] if path.is_dir() else sorted(path.parent.glob("*.json"))
            for kind in (Kind.TRADES, Kind.ANALYTICS):
                lacks = kind not in kinds and not (
                    kind is Kind.ANALYTICS and Kind.MODEL_ANALYTICS in kinds
                )
                if lacks:
                    named += [read_file(each) for each in beside if each.stem == kind]
        return named


def is_published(path: Path) -> bool:
    """Whether a file is called like one of the published ones."""
    return path.stem in Kind.values or path.stem.startswith("analytics-")


def plain_of(checked) -> dict[str, object]:
    return {
        "good": checked.is_good,
        "compared": checked.compared,
        "models": [
            {
                "model_id": one.model_id,
                "verdict": one.verdict.value,
                "compared": one.compared,
                "missing": one.missing,
                "wrong": [
                    {
                        "table": figure.table,
                        "figure": figure.name,
                        "published": str(figure.told),
                        "counted": str(figure.counted),
                    }
                    for figure in one.wrong
                ],
            }
            for one in checked.models
        ],
        "flagged": checked.odd,
    }
