"""A backup is made while the house trades; everything is destroyed; what is put back goes on."""

import shutil
from functools import partial
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.ledger.models import Account, Transfer
from apps.orders.models import Fill, Ticket
from engine.signal import Action
from ironbull import archive
from tests.walks.running import running, wait_for
from tests.walks.story import tell

pytestmark = [pytest.mark.walk, pytest.mark.timeout(300)]


def destroy() -> None:
    """All that the database holds; the tables, too."""
    if connection.vendor == "sqlite":
        connection.close()
        name = Path(connection.settings_dict["NAME"])
        for suffix in ("", "-wal", "-shm"):
            name.with_name(name.name + suffix).unlink(missing_ok=True)
        return
    with connection.cursor() as cursor:
        cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
        for table in connection.introspection.table_names():
            cursor.execute(f"DROP TABLE `{table}`")
        cursor.execute("SET FOREIGN_KEY_CHECKS = 1")


def started(house) -> None:
    house.start("centre", "heartbeats", "node", "beat")
    wait_for(house.is_alive, seconds=60, what="a heartbeat")


def everything() -> dict[str, list[tuple]]:
    return {
        model._meta.label: list(model.objects.across_tenants().order_by("pk").values_list())
        for model in (Account, Transfer, Ticket, Fill)
    }


def test_what_was_backed_up_is_restored_and_goes_on(transactional_db, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    with running(first) as house:
        node = house.enroll()
        started(house)
        story = tell("backup", node)
        story.publish(Action.OPEN)
        wait_for(partial(story.is_done, Action.OPEN), what="orders in")
        call_command("backup", to=tmp_path)
        story.wait_for_a_move()
    known = everything()
    (file,) = tmp_path.glob("*.tar")

    with pytest.raises(CommandError, match="--over"):
        call_command("restore", file, yes=True)
    destroy()
    call_command("restore", file, yes=True)
    assert everything() == known

    second.mkdir()
    shutil.copy(first / "node.json", second)
    shutil.copytree(first / "paper", second / "paper")
    with running(second) as house:
        house.code = node.code
        started(house)
        call_command("reconcile", wait=60)
        story.publish(Action.CLOSE)
        wait_for(partial(story.is_done, Action.CLOSE), what="orders out")
        wait_for(story.is_settled, what="settled")
    call_command("verify_ledger")


def test_a_backup_that_is_damaged_is_not_put_back(transactional_db, tmp_path):
    call_command("backup", to=tmp_path)
    (file,) = tmp_path.glob("*.tar")
    whole = bytearray(file.read_bytes())
    place = whole.rindex(b"\x1f\x8b") + 100
    whole[place] ^= 1
    file.write_bytes(whole)
    with pytest.raises(CommandError, match="is damaged"):
        call_command("restore", file, over=True, yes=True)
    file.write_bytes(whole[:5000])
    with pytest.raises(CommandError, match="is no backup"):
        call_command("restore", file, over=True, yes=True)
    assert archive.has_tables()


def test_old_backups_are_removed(transactional_db, tmp_path):
    for day in (1, 2, 3):
        (tmp_path / f"2020-01-0{day}T000000Z.ironbull.tar").touch()
    call_command("backup", to=tmp_path, keep=2)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 2
    assert left[0].startswith("2020-01-03")
