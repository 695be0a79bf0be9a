"""A copy of the tree in which a test may plant a fault."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(
    ".*cache*", "__pycache__", ".venv", ".git", "var", "node_modules"
)


def copy_of_tree(directory: Path) -> Path:
    return Path(shutil.copytree(ROOT, directory / "tree", ignore=NOT_COPIED))


def plant(tree: Path, file: str, text: str) -> None:
    """Add lines to a file, or make it."""
    with (tree / file).open("a") as target:
        target.write(f"\n{text}\n")
