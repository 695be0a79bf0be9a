"""Every transfer gets its number and the balance it left, on both of its accounts."""

from collections import defaultdict

import django.db.models.deletion
from django.db import migrations, models

import apps.core.fields
from apps.core import append_only

TABLE = "ledger_transfer"
CHUNK = 2000


def lift(apps, schema_editor):
    append_only.lift(schema_editor.connection, TABLE)


def lay(apps, schema_editor):
    append_only.lay(schema_editor.connection, TABLE)


def number_lines(apps, schema_editor):
    """Count what has moved so far, in the order of the ids."""
    Account, Transfer = apps.get_model("ledger", "Account"), apps.get_model("ledger", "Transfer")
    moves, balances = defaultdict(int), defaultdict(int)
    changed = []
    for row in Transfer.rows.order_by("pk").iterator(chunk_size=CHUNK):
        for side, amount in (("debit", -row.amount), ("credit", row.amount)):
            account = getattr(row, f"{side}_id")
            moves[account] += 1
            balances[account] += amount
            setattr(row, f"{side}_number", moves[account])
            setattr(row, f"{side}_balance", balances[account])
        changed.append(row)
    fields = ["debit_number", "debit_balance", "credit_number", "credit_balance"]
    Transfer.rows.bulk_update(changed, fields, batch_size=CHUNK)
    for account, count in moves.items():
        Account.rows.filter(pk=account).update(moves=count)


def side(name, related):
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related,
        to="ledger.account",
        verbose_name=name,
    )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_money")]

    operations = [
        migrations.RunPython(lift, lay),
        migrations.AddField(
            "account", "moves", models.PositiveBigIntegerField(default=0, verbose_name="transfers")
        ),
        *[
            migrations.AddField("transfer", f"{name}_{what}", field, preserve_default=False)
            for name in ("debit", "credit")
            for what, field in (
                (
                    "number",
                    models.PositiveBigIntegerField(null=True, verbose_name=f"number, {name}"),
                ),
                (
                    "balance",
                    apps.core.fields.PointsField(
                        default=0, verbose_name=f"balance after, {name}"
                    ),
                ),
            )
        ],
        migrations.RunPython(number_lines, migrations.RunPython.noop),
        *[
            migrations.AlterField(
                "transfer",
                f"{name}_number",
                models.PositiveBigIntegerField(verbose_name=f"number, {name}"),
            )
            for name in ("debit", "credit")
        ],
        *[
            migrations.AddConstraint(
                "transfer",
                models.UniqueConstraint(
                    fields=(name, f"{name}_number"), name=f"ledger_{name}_line_once"
                ),
            )
            for name in ("debit", "credit")
        ],
        migrations.AlterField("transfer", "debit", side("debit", "debit_transfers")),
        migrations.AlterField("transfer", "credit", side("credit", "credit_transfers")),
        migrations.RunPython(lay, lift),
    ]
