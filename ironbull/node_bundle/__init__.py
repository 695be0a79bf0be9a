"""A node for a bare host: a directory that starts with python3 and pip, or one file.

Both hold the engine, the workers and the list of what pip has to bring; nothing of the centre.
The one file holds no library either: some of them are compiled, and cannot be run from inside it.
"""

import shutil
import zipapp
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PACKAGES = ("engine", "workers")
ARCHIVE = "ironbull-node.pyz"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")


def build(directory: Path) -> dict[Path, int]:
    """Make the directory and, in it, the one file; what was made, and how large it is."""
    directory.mkdir(parents=True)
    copy_packages(directory)
    for name in ("start.sh", "node.env.example", "README.md"):
        shutil.copy(HERE / name, directory / name)
    inside = directory / "archive"
    copy_packages(inside)
    shutil.copy(HERE / "start.py", inside / "__main__.py")
    zipapp.create_archive(inside, directory / ARCHIVE, "/usr/bin/env python3", compressed=True)
    shutil.rmtree(inside)
    return {path: size_of(path) for path in sorted(directory.iterdir())}


def copy_packages(directory: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, directory / package, ignore=LEFT_OUT)
    shutil.copy(ROOT / "requirements" / "node.txt", directory / "requirements.txt")


def size_of(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
